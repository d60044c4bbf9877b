// The operate function: what operating a stage needs from inside its network, one case a command. Invoked by IAM only, and
// each call leaves one line. Answers no secret and no ciphertext.
import type { Context } from 'aws-lambda'
import * as z from 'zod'
import { RequestError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { readVaultStatus, type VaultStatus, type VaultStatusPorts } from './vault-status.ts'

/**
 * `caller`: the ARN that the command learnt from STS, as it says. Lambda tells a function nothing of who invoked it, so
 * this is a claim. CloudTrail has the proof: its event of the invocation has the same request id as the line below.
 */
const requestSchema = z.strictObject({
  command: z.enum(['vault-status']),
  caller: z.string().regex(/^arn:[\w-]+:(sts|iam)::\d{12}:[\w+=,.@/-]{1,512}$/),
})

export function createHandler(dependencies: VaultStatusPorts & { readonly log: Log }) {
  const { log } = dependencies

  function runCommand(command: z.output<typeof requestSchema>['command']): Promise<VaultStatus> {
    switch (command) {
      case 'vault-status':
        return readVaultStatus(dependencies)
    }
  }

  return async (event: unknown, context: Pick<Context, 'awsRequestId'>) => {
    const parsed = requestSchema.safeParse(event)
    if (!parsed.success) {
      log.warn('operation refused', { request_id: context.awsRequestId, status: 'refused' })
      const fields = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'event'))].join(', ')
      throw new RequestError(400, 'invalid_command', `expected {command, caller} of a known command; wrong: ${fields}`)
    }
    const { command, caller } = parsed.data
    const fields = { request_id: context.awsRequestId, command, claimed_caller: caller }
    try {
      const answer = await runCommand(command)
      log.info('operation', { ...fields, status: 'answered', reason: answer.verdict })
      return answer
    } catch (error) {
      log.error('operation', { ...fields, status: 'failed', error })
      throw error
    }
  }
}

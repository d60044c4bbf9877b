// The operate function: what operating a stage needs from inside its network, one case a command. Invoked by IAM only, and
// each call leaves one line. Answers no secret and no ciphertext.
import type { Context } from 'aws-lambda'
import * as z from 'zod'
import { RequestError } from '../../shared/errors.ts'
import type { Log, LogFields } from '../../shared/log.ts'
import { callerSchema, deadLetterRequests } from './dead-letter-requests.ts'
import {
  type DeadLetterPorts,
  discardDeadLetters,
  findDeadLetters,
  noteQueueLetters,
  redriveDeadLetters,
} from './dead-letters.ts'
import { readVaultStatus, type VaultStatusPorts } from './vault-status.ts'

const requestSchema = z.discriminatedUnion('command', [
  z.strictObject({ command: z.literal('vault-status'), caller: callerSchema }),
  ...deadLetterRequests,
])
type Request = z.output<typeof requestSchema>

/** What goes back, and what the line says of it. No user, no bytes, and no words of the caller. */
type Outcome = { readonly answer: object; readonly told: LogFields }

export type OperateDependencies = VaultStatusPorts & {
  readonly log: Log
  /** The ports of dead letters, for one call. */
  readonly deadLetters: (requestId: string) => DeadLetterPorts
}

async function runCommand(dependencies: OperateDependencies, request: Request, requestId: string): Promise<Outcome> {
  if (request.command === 'vault-status') {
    const answer = await readVaultStatus(dependencies)
    return { answer, told: { reason: answer.verdict } }
  }
  const ports = dependencies.deadLetters(requestId)
  const asked = { by: request.caller, requestId }
  switch (request.command) {
    case 'find-dead-letters': {
      const answer = await findDeadLetters(ports, request)
      const { source, detail } = request
      return { answer, told: { source, reason: detail, count: answer.letters.length } }
    }
    case 'redrive-dead-letters': {
      const answer = await redriveDeadLetters(ports, { ...request, ...asked })
      return { answer, told: { source: request.source, count: answer.done } }
    }
    case 'discard-dead-letters': {
      const answer = await discardDeadLetters(ports, { ...request, ...asked })
      return { answer, told: { source: request.source, count: answer.done } }
    }
    case 'note-queue-letters': {
      const { how, because = null, message_ids: messageIds } = request
      const answer = await noteQueueLetters(ports, { ...asked, how, because, messageIds })
      return { answer, told: { source: 'queue', reason: how, count: answer.noted } }
    }
  }
}

export function createHandler(dependencies: OperateDependencies) {
  const { log } = dependencies
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
      const { answer, told } = await runCommand(dependencies, parsed.data, context.awsRequestId)
      log.info('operation', { ...fields, status: 'answered', ...told })
      return answer
    } catch (error) {
      log.error('operation', { ...fields, status: 'failed', error })
      throw error
    }
  }
}

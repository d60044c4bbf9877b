// Calls the operate function of a stage, in the name of whoever runs a command. What it does is in functions/operate.
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import * as z from 'zod'
import { InputError } from './command-line.ts'
import { explainAws, readOutputs, type StageAccess, serviceStackOf } from './stage-access.ts'

const failureSchema = z.looseObject({ errorMessage: z.string().optional() })

/** Asks the function for a command of its own; the answer is as it came. */
export type CallOperate = (request: { readonly command: string; readonly [field: string]: unknown }) => Promise<unknown>

/**
 * Runs work with calls of the function.
 *
 * @throws {InputError} `not_deployed`; a call: `access_denied`, `aws_failed`, `operate_failed`
 */
export async function withOperate<Result>(
  access: StageAccess,
  work: (call: CallOperate) => Promise<Result>,
): Promise<Result> {
  const { client, stage, caller } = access
  const { OperateFunctionName } = await readOutputs(client, serviceStackOf(stage), ['OperateFunctionName'])
  const lambda = new LambdaClient(client)
  try {
    return await work(async (request) => {
      const payload = Buffer.from(JSON.stringify({ ...request, caller: caller.arn }))
      const { FunctionError, Payload } = await lambda
        .send(new InvokeCommand({ FunctionName: OperateFunctionName, Payload: payload }))
        .catch(explainAws('the operate function could not be invoked'))
      const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8'))
      if (FunctionError === undefined) return answer
      const { errorMessage } = failureSchema.parse(answer)
      throw new InputError('operate_failed', `the operate function failed (${errorMessage}): see its log`)
    })
  } finally {
    lambda.destroy()
  }
}

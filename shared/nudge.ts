// The nudge: who committed something that is to be announced says so to announce, and does not wait.
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import * as z from 'zod'
import type { Log } from './log.ts'

const nudgeSchema = z.object({ nudge: z.literal(true) })
const nudge: z.input<typeof nudgeSchema> = { nudge: true }

/** Whether the function was called by a nudge; else by its schedule, or by a person. */
export const isNudge = (event: unknown): boolean => nudgeSchema.safeParse(event).success

/** What it makes never fails: the schedule is the net. */
export function createNudge(lambda: Pick<LambdaClient, 'send'>, functionName: string, log: Log): () => Promise<void> {
  return async () => {
    const Payload = Buffer.from(JSON.stringify(nudge))
    const command = new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload })
    await lambda.send(command).catch((error: unknown) => log.warn('announce was not nudged', { error }))
  }
}

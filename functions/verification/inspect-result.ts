// Reads what Lambda answers for an invocation of inspect: an answer, a crash of it or of its parser, or a function that never
// began.
import * as z from 'zod'
import { UnavailableError } from '../../shared/errors.ts'
import type { InspectAnswer } from './verify-documents.ts'

const reasonSchema = z.object({ code: z.string(), message: z.string(), retry: z.boolean() })
const checkSchema = z.object({
  check: z.string(),
  outcome: z.enum(['passed', 'failed', 'skipped']),
  milliseconds: z.number(),
})
const openedSchema = z.object({ sha256: z.string(), rulesVersion: z.string(), checks: z.array(checkSchema) })
const inspectedSchema = openedSchema.extend({ outcome: z.literal('inspected') })
/** Of a document that was opened: a verdict. */
export const verdictSchema = z.union([
  // Only the built-in inspection keeps a copy; its release before keeps none, and does not say so.
  inspectedSchema.extend({ verdict: z.literal('passed'), kept: z.boolean().default(false) }),
  inspectedSchema.extend({ verdict: z.literal('rejected'), reasons: z.array(reasonSchema).min(1) }),
])
const answerSchema = z.union([
  z.object({ outcome: z.enum(['absent', 'unreadable', 'not_kept']) }),
  openedSchema.extend({ outcome: z.literal('crashed') }),
  verdictSchema,
])
const errorSchema = z.object({ errorType: z.string().default(''), errorMessage: z.string().default('') })

/** Milliseconds that its answer is waited for: longer than it may take. Twice as long has to fit into an invocation. */
export const inspectDeadline = 14_000

/** Error types with which Lambda says that the handler did not begin, so that no document was opened. */
const neverBegan =
  /^Runtime\.(ImportModuleError|UserCodeSyntaxError|HandlerNotFound|MalformedHandlerName|InvalidEntrypoint)/

/**
 * @param functionError the `FunctionError` of the Invoke answer; undefined when the function returned
 * @param payload the answer's payload, as text
 * @throws {UnavailableError} when the function is broken, or answers what nobody understands: no verdict on a document
 */
export function readInspectResult(functionError: string | undefined, payload: string): InspectAnswer {
  let json: unknown
  try {
    json = JSON.parse(payload)
  } catch (error) {
    throw new UnavailableError('inspection', 'expected JSON from inspect; got something else', { cause: error })
  }
  if (functionError !== undefined) {
    const { errorType } = errorSchema.catch({ errorType: '', errorMessage: '' }).parse(json)
    if (!neverBegan.test(errorType)) return { outcome: 'crashed' }
    throw new UnavailableError('inspection', `inspect does not start: ${errorType}`)
  }
  const answer = answerSchema.safeParse(json)
  if (answer.success) return answer.data
  throw new UnavailableError('inspection', 'expected an answer of inspect; got another shape')
}

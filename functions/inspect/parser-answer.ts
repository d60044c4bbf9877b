// What the parser may answer, as the function believes it: a parser that was taken over can lie of its own document, and is
// held to the shape of a verdict.
import * as z from 'zod'
import { rulesVersion } from './rules-version.ts'

const nameSchema = z.string().regex(/^[a-z][a-z_]{0,31}$/)
const mediaTypeSchema = z.enum(['image/jpeg', 'image/png', 'application/pdf']).nullable()

const inspectionSchema = z
  .object({
    verdict: z.enum(['passed', 'rejected']),
    mediaType: mediaTypeSchema,
    reasons: z.array(z.object({ code: nameSchema, message: z.string().min(1).max(1000), retry: z.boolean() })).max(32),
    rulesVersion: z.literal(rulesVersion),
    checks: z
      .array(
        z.object({
          check: nameSchema,
          outcome: z.enum(['passed', 'failed', 'skipped']),
          milliseconds: z.int().min(0).max(60_000),
        }),
      )
      .max(32),
  })
  .refine(({ verdict, reasons }) => (verdict === 'passed') === (reasons.length === 0))

/**
 * Of the whole process: the most memory that it held, or what held it while it was started, if that was more (getrusage(2) on
 * Linux), and the time of the CPU that it took.
 */
const usageSchema = z.object({ peakKilobytes: z.int().min(0), cpuMilliseconds: z.int().min(0) })

const parserAnswerSchema = z
  .object({ inspection: inspectionSchema, copyMediaType: mediaTypeSchema, usage: usageSchema })
  .refine(({ inspection, copyMediaType }) => (inspection.verdict === 'passed') === (copyMediaType !== null))
export type ParserAnswer = z.infer<typeof parserAnswerSchema>

/** The answer in these bytes; undefined: it is none. */
export function readParserAnswer(bytes: Uint8Array): ParserAnswer | undefined {
  try {
    return parserAnswerSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  } catch {
    return undefined
  }
}

/** The name of a check; null: it is none. */
export const readCheckName = (bytes: Uint8Array): string | null =>
  nameSchema.safeParse(Buffer.from(bytes).toString('utf8')).data ?? null

// What operators may ask of dead letters, and what they are answered: the forms on the wire between the command and the
// function. Nothing that is asked has bytes of a record in it, so that a caller can publish nothing of their own.
import * as z from 'zod'

/** `quarantine`: wallet.quarantine. `topic`: the dead-letter topic. The queue's messages the command reads by itself. */
export const recordSources = ['quarantine', 'topic'] as const
export type RecordSource = (typeof recordSources)[number]

/** Where a record stands in its source. In the dead-letter topic that is not where it came from. */
const placeSchema = z.strictObject({
  topic: z.string().min(1).max(249),
  partition: z.int().min(0),
  offset: z.int().min(0),
  recorded_at: z.iso.datetime(),
})
export type Place = z.output<typeof placeSchema>

/** Which dead letters; what is absent does not matter. Coordinates are those of the source, or of where it came from. */
const filterSchema = z.strictObject({
  /** A part of the reason. */
  reason: z.string().min(1).max(200).optional(),
  /** The whole key of the record. Personal data: it is in no log. */
  user_id: z.string().min(1).max(255).optional(),
  /** Set aside at that time or later; before that time. */
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
  topic: z.string().min(1).max(249).optional(),
  partition: z.int().min(0).optional(),
  offset: z.int().min(0).optional(),
  /** Whether what was redriven or discarded is told as well. */
  handled: z.boolean().optional(),
})
export type LetterFilter = z.output<typeof filterSchema>

/** Where the next page begins: after a place of the quarantine, or at an offset of each partition of the topic. */
const cursorSchema = z.union([
  z.strictObject({ after: placeSchema }),
  z.strictObject({ offsets: z.record(z.string().regex(/^\d{1,9}$/), z.int().min(0)) }),
])
export type Cursor = z.output<typeof cursorSchema>

/** Letters that a page has at most: some 500 bytes each, and Lambda answers 6 MB. */
export const longestPage = 2000
/** Letters that are described at most, or redriven or discarded in one call: their bytes are held in memory. */
export const mostRecords = 250

/**
 * `caller`: the ARN that the command learnt from STS, as it says. Lambda tells a function nothing of who invoked it, so
 * this is a claim. CloudTrail has the proof: its event of the invocation has the same request id as the line in the log.
 */
export const callerSchema = z.string().regex(/^arn:[\w-]+:(sts|iam)::\d{12}:[\w+=,.@/-]{1,512}$/)

const because = z.string().min(3).max(500)
const asked = { caller: callerSchema }
const chosen = { ...asked, source: z.enum(recordSources), places: z.array(placeSchema).min(1).max(mostRecords) }

export const deadLetterRequests = [
  z.strictObject({
    ...asked,
    command: z.literal('find-dead-letters'),
    source: z.enum(recordSources),
    filter: filterSchema,
    cursor: cursorSchema.optional(),
    limit: z.int().min(1).max(longestPage),
    /** `described`: with the records, of which nothing but metadata is told; `revealed`: with the user, and bytes escaped. */
    detail: z.enum(['places', 'described', 'revealed']),
  }),
  z.strictObject({ ...chosen, command: z.literal('redrive-dead-letters') }),
  z.strictObject({ ...chosen, command: z.literal('discard-dead-letters'), because }),
  /** Notes what the command did, or is about to do, with messages of the queue. */
  z.strictObject({
    ...asked,
    command: z.literal('note-queue-letters'),
    message_ids: z.array(z.string().min(1).max(100)).min(1).max(mostRecords),
    how: z.enum(['redriven', 'discarded']),
    because: because.optional(),
  }),
] as const

/** Bytes as they are told without being shown; null: there are none. */
export type ToldBytes = { readonly bytes: number; readonly sha256: string } | null

/** One original record of a dead letter. */
export type DescribedRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly recorded_at: string
  readonly key: ToldBytes
  readonly value: ToldBytes
  /** `value` is there where it is one of ours, and of its form. */
  readonly headers: readonly { readonly name: string; readonly bytes: number; readonly value?: string }[]
  /** What the value says of itself, where it is JSON: fields of ours that have their form. No user. */
  readonly event: Readonly<Record<string, string | number>> | null
  /** Only when it was asked for. Characters that are not printable ASCII are escaped. */
  readonly revealed?: { readonly key: string | null; readonly value: string | null }
}

/** What was done with a dead letter. */
export type Handling = {
  readonly how: 'redriven' | 'discarded'
  readonly by: string
  readonly at: string
  readonly because: string | null
}

export type Letter = {
  readonly source: RecordSource
  readonly place: Place
  /** Where its record came from; null where that cannot be read. */
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: number } | null
  readonly reason: string
  readonly set_aside_at: string
  readonly handled: readonly Handling[]
  readonly records?: readonly DescribedRecord[]
}

export type LetterPage = { readonly letters: readonly Letter[]; readonly next: Cursor | null }

/** Places that are not there any more, and those whose records cannot be published again, each with why. */
export type Skipped = { readonly place: Place; readonly why: string }

export type LetterResult = {
  readonly done: number
  /** Handled before, by whoever. */
  readonly already: number
  readonly skipped: readonly Skipped[]
}

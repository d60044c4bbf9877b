// The use cases of dead letters: find them, publish their records again as they were, and give them up. The note of what was
// done comes last when records are published, so that a crash repeats and never forgets.
import type { Publication, Publish } from '../../shared/kafka.ts'
import { decodeHeaders, type KafkaRecord } from '../../shared/kafka-records.ts'
import { escapeText, openLetter } from './dead-letter-record.ts'
import {
  type Cursor,
  type Handling,
  type Letter,
  type LetterFilter,
  type LetterPage,
  type LetterResult,
  longestPage,
  mostRecords,
  type Place,
  type RecordSource,
  type Skipped,
} from './dead-letter-requests.ts'
import { describeRecord } from './describe-record.ts'
import type { Offsets, TopicReading } from './read-topic.ts'

/** A row of wallet.quarantine. */
export type QuarantinedRecord = {
  readonly record: KafkaRecord
  readonly reason: string
  readonly setAsideAt: Date
}

/** What was done, with what, by whom. `by`: the ARN that the caller claims; `requestId`: of the invocation. */
export type HandlingNote = {
  readonly how: Handling['how']
  readonly by: string
  readonly because: string | null
  readonly at: Date
  readonly requestId: string
} & (
  | { readonly source: RecordSource; readonly places: readonly Place[] }
  | { readonly source: 'queue'; readonly messageIds: readonly string[] }
)

export type DeadLetterPorts = {
  readonly now: () => Date
  /** Where alone records are published. */
  readonly userVerifiedTopic: string
  readonly findQuarantined: (
    filter: LetterFilter,
    page: { readonly after: Place | undefined; readonly limit: number; readonly withBytes: boolean },
  ) => Promise<readonly QuarantinedRecord[]>
  readonly loadQuarantined: (places: readonly Place[]) => Promise<readonly QuarantinedRecord[]>
  /** Reads the dead-letter topic; answers where a further reading begins, undefined at its end. */
  readonly readDeadLetters: (reading: TopicReading) => Promise<Offsets | undefined>
  readonly findHandled: (
    source: RecordSource,
    places: readonly Place[],
  ) => Promise<readonly { readonly place: Place; readonly handling: Handling }[]>
  readonly noteHandled: (note: HandlingNote) => Promise<number>
  readonly publish: Publish
}

/** A dead letter, opened: its records are there where they were asked for. */
type OpenedLetter = {
  readonly place: Place
  readonly reason: string
  readonly setAsideAt: Date
  readonly records: readonly KafkaRecord[]
}

const toPlace = ({ topic, partition, offset, recordedAt }: Omit<KafkaRecord, 'key' | 'value' | 'headers'>): Place => ({
  ...{ topic, partition, offset },
  recorded_at: recordedAt.toISOString(),
})

const toKey = ({ topic, partition, offset, recorded_at }: Place) =>
  JSON.stringify([topic, partition, offset, new Date(recorded_at).getTime()])

const openQuarantined = ({ record, reason, setAsideAt }: QuarantinedRecord): OpenedLetter => ({
  ...{ place: toPlace(record), reason: escapeText(reason, 400), setAsideAt, records: [record] },
})

const openFromTopic = (record: KafkaRecord): OpenedLetter => ({
  ...{ place: toPlace(record), setAsideAt: record.recordedAt },
  ...openLetter(record),
})

// ---- finding

export type FindRequest = {
  readonly source: RecordSource
  readonly filter: LetterFilter
  readonly cursor?: Cursor | undefined
  readonly limit: number
  readonly detail: 'places' | 'described' | 'revealed'
}

/** A page of dead letters. Of the topic it may be empty and yet have a next one: what was read was not asked for. */
export async function findDeadLetters(ports: DeadLetterPorts, request: FindRequest): Promise<LetterPage> {
  const { source, filter, detail } = request
  const limit = Math.min(request.limit, detail === 'places' ? longestPage : mostRecords)
  const { letters, next } =
    source === 'quarantine' ? await findInQuarantine(ports, request, limit) : await findInTopic(ports, request, limit)
  const handled = await readHandled(ports, source, letters)
  const told = letters
    .map((letter): Letter => {
      const [first] = letter.records
      return {
        ...{ source, place: letter.place, reason: letter.reason, set_aside_at: letter.setAsideAt.toISOString() },
        origin: first ? { topic: escapeText(first.topic), partition: first.partition, offset: first.offset } : null,
        handled: handled.get(toKey(letter.place)) ?? [],
        ...(detail === 'places'
          ? {}
          : { records: letter.records.map((record) => describeRecord(record, detail === 'revealed')) }),
      }
    })
    .filter((letter) => filter.handled || letter.handled.length === 0)
  return { letters: told, next }
}

type Found = { readonly letters: readonly OpenedLetter[]; readonly next: Cursor | null }

async function findInQuarantine(ports: DeadLetterPorts, request: FindRequest, limit: number): Promise<Found> {
  const { filter, cursor, detail } = request
  const after = cursor && 'after' in cursor ? cursor.after : undefined
  const rows = await ports.findQuarantined(filter, { after, limit, withBytes: detail !== 'places' })
  const letters = rows.map(openQuarantined)
  const last = letters.at(-1)
  return { letters, next: last !== undefined && letters.length === limit ? { after: last.place } : null }
}

async function findInTopic(ports: DeadLetterPorts, request: FindRequest, limit: number): Promise<Found> {
  const { filter, cursor } = request
  const from = cursor && 'offsets' in cursor ? cursor.offsets : {}
  const letters: OpenedLetter[] = []
  const next = await ports.readDeadLetters({
    from: new Map(Object.entries(from).map(([partition, offset]) => [Number(partition), offset])),
    to: undefined,
    take: (record) => {
      const letter = openFromTopic(record)
      if (matches(letter, filter)) {
        // Their bytes are let go where nobody asked for them: a page of them may not fit memory.
        const records = request.detail === 'places' ? letter.records.map(withoutBytes) : letter.records
        letters.push({ ...letter, records })
      }
      return letters.length < limit
    },
  })
  return { letters, next: next ? { offsets: Object.fromEntries(next) } : null }
}

const withoutBytes = (record: KafkaRecord): KafkaRecord => ({ ...record, key: null, value: null, headers: [] })

function matches({ place, reason, setAsideAt, records }: OpenedLetter, filter: LetterFilter): boolean {
  const { user_id, since, until } = filter
  const isAt = (at: { readonly topic: string; readonly partition: number; readonly offset: number }) =>
    (filter.topic === undefined || filter.topic === at.topic) &&
    (filter.partition === undefined || filter.partition === at.partition) &&
    (filter.offset === undefined || filter.offset === at.offset)
  return (
    (filter.reason === undefined || reason.includes(filter.reason)) &&
    (since === undefined || setAsideAt >= new Date(since)) &&
    (until === undefined || setAsideAt < new Date(until)) &&
    (user_id === undefined || records.some(({ key }) => key !== null && Buffer.from(user_id).equals(key))) &&
    [place, ...records].some(isAt)
  )
}

async function readHandled(ports: DeadLetterPorts, source: RecordSource, letters: readonly { place: Place }[]) {
  if (letters.length === 0) return new Map<string, Handling[]>()
  const places = letters.map(({ place }) => place)
  const found = await ports.findHandled(source, places)
  const byPlace = Map.groupBy(found, ({ place }) => toKey(place))
  return new Map([...byPlace].map(([key, same]) => [key, same.map(({ handling }) => handling)]))
}

// ---- handling

export type HandleRequest = {
  readonly source: RecordSource
  readonly places: readonly Place[]
  readonly by: string
  readonly requestId: string
}

/** Bytes of records that are published at once: a broker takes a batch of 1 MiB (message.max.bytes), overhead included. */
const mostPublishedBytes = 512 * 1024

/**
 * Publishes the records of these letters again, with their own keys, bytes and headers, to their own topic; then notes it.
 * Whoever consumes them knows them by their event: a crash between the two, or two operators, publish twice, and at most one
 * wallet comes of it. A record that fails again is a new dead letter, at other coordinates.
 *
 * @throws {UnavailableError} what was published until then is noted, but for the last chunk
 */
export async function redriveDeadLetters(ports: DeadLetterPorts, request: HandleRequest): Promise<LetterResult> {
  const { letters, already, skipped } = await loadOpen(ports, request)
  const good: OpenedLetter[] = []
  const refused: Skipped[] = []
  for (const letter of letters) {
    const why = refuse(letter, ports)
    if (why === undefined) good.push(letter)
    else refused.push({ place: letter.place, why })
  }
  let done = 0
  for (const chunk of splitBySize(good)) {
    await ports.publish(chunk.flatMap(({ records }) => records.map(toPublication)))
    await note(ports, request, chunk, 'redriven', null)
    done += chunk.length
  }
  return { done, already, skipped: [...skipped, ...refused] }
}

/** Notes that nothing more is done for these letters. They stay where they are. */
export async function discardDeadLetters(
  ports: DeadLetterPorts,
  request: HandleRequest & { readonly because: string },
): Promise<LetterResult> {
  const { letters, already, skipped } = await loadOpen(ports, request)
  if (letters.length > 0) await note(ports, request, letters, 'discarded', request.because)
  return { done: letters.length, already, skipped }
}

/** Why a letter cannot be published again; undefined when it can. */
function refuse({ records }: OpenedLetter, { userVerifiedTopic }: DeadLetterPorts): string | undefined {
  if (records.length === 0) return 'it is in no known form: what its record was cannot be told'
  if (records.every(({ topic }) => topic === userVerifiedTopic)) return undefined
  return `it came from another topic than ${userVerifiedTopic}`
}

const toPublication = ({ topic, key, value, headers }: KafkaRecord): Publication => ({
  ...{ topic, key, value },
  headers: decodeHeaders(headers),
})

const sizeOf = ({ records }: OpenedLetter) =>
  records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)

/** In their order; one that is larger than a chunk may be is a chunk of its own. */
function splitBySize(letters: readonly OpenedLetter[]): readonly (readonly OpenedLetter[])[] {
  const chunks: OpenedLetter[][] = []
  let bytes = 0
  for (const letter of letters) {
    const last = chunks.at(-1)
    if (last === undefined || bytes + sizeOf(letter) > mostPublishedBytes) {
      chunks.push([letter])
      bytes = sizeOf(letter)
    } else {
      last.push(letter)
      bytes += sizeOf(letter)
    }
  }
  return chunks
}

async function note(
  ports: DeadLetterPorts,
  { source, by, requestId }: HandleRequest,
  letters: readonly OpenedLetter[],
  how: Handling['how'],
  because: string | null,
): Promise<void> {
  const places = letters.map(({ place }) => place)
  await ports.noteHandled({ source, places, how, by, because, at: ports.now(), requestId })
}

/** The letters at these places that nobody has handled yet, whole. */
async function loadOpen(ports: DeadLetterPorts, { source, places }: HandleRequest) {
  const handled = new Set((await ports.findHandled(source, places)).map(({ place }) => toKey(place)))
  const unique = [...new Map(places.map((place) => [toKey(place), place])).values()]
  const open = unique.filter((place) => !handled.has(toKey(place)))
  const found = open.length === 0 ? [] : await (source === 'quarantine' ? loadRows(ports, open) : loadRead(ports, open))
  const letters = found.filter(({ place }) => open.some((each) => toKey(each) === toKey(place)))
  const keys = new Set(letters.map(({ place }) => toKey(place)))
  const skipped = open
    .filter((place) => !keys.has(toKey(place)))
    .map((place): Skipped => ({ place, why: 'it is not there any more' }))
  return { letters, already: unique.length - open.length, skipped }
}

async function loadRows(ports: DeadLetterPorts, places: readonly Place[]): Promise<readonly OpenedLetter[]> {
  return (await ports.loadQuarantined(places)).map(openQuarantined)
}

/** Reads the stretch of each partition in which they are, and keeps those. */
async function loadRead(ports: DeadLetterPorts, places: readonly Place[]): Promise<readonly OpenedLetter[]> {
  const offsets = Map.groupBy(places, ({ partition }) => partition)
  const bound = (choose: (...offsets: number[]) => number, beyond: number) =>
    new Map([...offsets].map(([partition, at]) => [partition, choose(...at.map(({ offset }) => offset)) + beyond]))
  const wanted = new Set(places.map(toKey))
  const letters: OpenedLetter[] = []
  let from: Offsets | undefined = bound(Math.min, 0)
  const to = bound(Math.max, 1)
  while (from !== undefined) {
    from = await ports.readDeadLetters({
      ...{ from, to },
      take: (record) => {
        if (wanted.has(toKey(toPlace(record)))) letters.push(openFromTopic(record))
        return true
      },
    })
  }
  return letters
}

/** Notes what the command did with messages of the queue, which it reaches by itself. */
export async function noteQueueLetters(
  ports: Pick<DeadLetterPorts, 'noteHandled' | 'now'>,
  note: Omit<Extract<HandlingNote, { source: 'queue' }>, 'source' | 'at'>,
): Promise<{ readonly noted: number }> {
  return { noted: await ports.noteHandled({ ...note, source: 'queue', at: ports.now() }) }
}

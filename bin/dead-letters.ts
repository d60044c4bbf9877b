// Finding and handling dead letters, page by page, over the three places where they lie: two that the operate function
// reaches, and the queue. Flags, questions and tables are not known here.
import * as z from 'zod'
import type {
  Cursor,
  Letter,
  LetterFilter,
  LetterPage,
  LetterResult,
} from '../functions/operate/dead-letter-requests.ts'
import type { DeadLetterQueue, HeldMessage, QueueLetter } from './dead-letter-queue.ts'
import type { CallOperate } from './operate-call.ts'

export const letterSources = ['quarantine', 'topic', 'queue'] as const
export type LetterSource = (typeof letterSources)[number]

export type AnyLetter = Letter | QueueLetter

export type Selection = {
  readonly sources: readonly LetterSource[]
  readonly filter: LetterFilter
  readonly messageId: string | undefined
}

export type Detail = 'places' | 'described' | 'revealed'

export type DeadLetterReach = { readonly call: CallOperate; readonly queue: DeadLetterQueue }

/** What the function answers is what its types say; looked at so far that another release's is noticed. */
const pageSchema = z.custom<LetterPage>((value) => Array.isArray((value as Partial<LetterPage> | null)?.letters))
const resultSchema = z.custom<LetterResult>((value) => Array.isArray((value as Partial<LetterResult> | null)?.skipped))

/** Places that are asked for at once, and records that are described or handled at once (the function takes no more). */
const [longestPage, mostRecords] = [2000, 250]

/** Messages of the queue that are held at once, to be looked at. */
const mostHeld = 2000

/** All dead letters that were chosen, as they are found; those of the quarantine and the topic in their order there. */
export async function* findLetters(
  { call, queue }: DeadLetterReach,
  { sources, filter, messageId }: Selection,
  detail: Detail,
): AsyncGenerator<AnyLetter> {
  for (const source of sources) {
    if (source === 'queue') {
      yield* await lookAtQueue(queue, filter, messageId)
      continue
    }
    let cursor: Cursor | null | undefined
    while (cursor !== null) {
      const limit = detail === 'places' ? longestPage : mostRecords
      const page = pageSchema.parse(
        await call({
          ...{ command: 'find-dead-letters', source, filter, limit, detail },
          ...(cursor === undefined ? {} : { cursor }),
        }),
      )
      yield* page.letters
      cursor = page.next
    }
  }
}

const isChosen = (letter: QueueLetter, filter: LetterFilter, messageId: string | undefined) =>
  (messageId === undefined || letter.message_id === messageId) &&
  (filter.reason === undefined || letter.reason.includes(filter.reason)) &&
  (filter.since === undefined || letter.set_aside_at >= filter.since) &&
  (filter.until === undefined || letter.set_aside_at < filter.until)

/** What the queue shows, given back once it was all seen: a message that is given back is shown again. */
async function lookAtQueue(
  queue: DeadLetterQueue,
  filter: LetterFilter,
  messageId: string | undefined,
): Promise<readonly QueueLetter[]> {
  const held: HeldMessage[] = []
  try {
    for (let some = await queue.receive(); some.length > 0; some = await queue.receive()) {
      held.push(...some)
      if (held.length >= mostHeld) break
    }
  } finally {
    await queue.giveBack(held)
  }
  const letters = held.map(({ letter }) => letter).filter((letter) => isChosen(letter, filter, messageId))
  return letters.toSorted((a, b) => a.set_aside_at.localeCompare(b.set_aside_at))
}

export type Handled = {
  readonly done: number
  readonly already: number
  readonly skipped: readonly { readonly letter: string; readonly why: string }[]
}

export type Order =
  | { readonly how: 'redriven'; readonly because?: never }
  | { readonly how: 'discarded'; readonly because: string }

/**
 * Redrives or discards these letters, in small steps: whatever ends it in between, the rest is there still, and the same
 * command goes on with it.
 *
 * @param report called after each step, with how many letters were looked at
 */
export async function handleLetters(
  { call, queue }: DeadLetterReach,
  letters: readonly AnyLetter[],
  order: Order,
  report: (count: number) => void,
): Promise<Handled> {
  const results: Handled[] = []
  let count = 0
  const step = (result: Handled) => {
    results.push(result)
    count += result.done + result.already + result.skipped.length
    report(count)
  }
  const command = order.how === 'redriven' ? 'redrive-dead-letters' : 'discard-dead-letters'
  const words = order.because === undefined ? {} : { because: order.because }
  for (const source of ['quarantine', 'topic'] as const) {
    const places = letters.flatMap((letter) => (letter.source === source ? [letter.place] : []))
    for (let at = 0; at < places.length; at += mostRecords) {
      const chosen = places.slice(at, at + mostRecords)
      const request = { command, source, places: chosen, ...words }
      const { done, already, skipped } = resultSchema.parse(await call(request))
      const told = skipped.map(({ place, why }) => ({
        letter: `${source} ${place.topic}/${place.partition}/${place.offset}`,
        why,
      }))
      step({ done, already, skipped: told })
    }
  }
  const ids = new Set(letters.flatMap((letter) => (letter.source === 'queue' ? [letter.message_id] : [])))
  if (ids.size > 0) await handleMessages({ call, queue }, ids, order, step)
  return {
    done: results.reduce((sum, { done }) => sum + done, 0),
    already: results.reduce((sum, { already }) => sum + already, 0),
    skipped: results.flatMap(({ skipped }) => skipped),
  }
}

/** Sends first, notes, and deletes last: what ends it in between repeats a message, which harms nobody, and loses none. */
async function handleMessages(
  { call, queue }: DeadLetterReach,
  ids: ReadonlySet<string>,
  { how, because }: Order,
  step: (result: Handled) => void,
): Promise<void> {
  const left = new Set(ids)
  const others: HeldMessage[] = []
  try {
    while (left.size > 0) {
      const some = await queue.receive()
      if (some.length === 0) break
      const ours = some.filter(({ letter }) => left.has(letter.message_id))
      others.push(...some.filter((message) => !ours.includes(message)))
      if (ours.length === 0) continue
      const messageIds = ours.map(({ letter }) => letter.message_id)
      try {
        if (how === 'redriven') await queue.send(ours)
        const words = because === undefined ? {} : { because }
        await call({ command: 'note-queue-letters', message_ids: messageIds, how, ...words })
        await queue.remove(ours)
      } catch (error) {
        others.push(...ours)
        throw error
      }
      for (const id of messageIds) left.delete(id)
      step({ done: ours.length, already: 0, skipped: [] })
    }
  } finally {
    await queue.giveBack(others)
  }
  const why = 'the queue did not show it: somebody else holds it, or it is gone'
  if (left.size > 0) step({ done: 0, already: 0, skipped: [...left].map((id) => ({ letter: `queue ${id}`, why })) })
}

// ---- groups

export type LetterGroup = {
  readonly source: LetterSource
  readonly reason: string
  readonly count: number
  readonly oldest: string
  readonly newest: string
}

/** Counts letters by source and reason, the largest first. */
export function createGroups() {
  const groups = new Map<string, LetterGroup>()
  return {
    add: ({ source, reason, set_aside_at: at }: AnyLetter) => {
      const key = JSON.stringify([source, reason])
      const group = groups.get(key) ?? { source, reason, count: 0, oldest: at, newest: at }
      groups.set(key, {
        ...group,
        count: group.count + 1,
        oldest: at < group.oldest ? at : group.oldest,
        newest: at > group.newest ? at : group.newest,
      })
    },
    read: (): readonly LetterGroup[] =>
      [...groups.values()].toSorted(
        (a, b) => letterSources.indexOf(a.source) - letterSources.indexOf(b.source) || b.count - a.count,
      ),
  }
}

// How dead letters are shown to a person at a terminal. Everything that is printed came escaped from the operate function, or
// has a form that was checked.
import type { DescribedRecord, Letter, ToldBytes } from '../functions/operate/dead-letter-requests.ts'
import type { QueueLetter } from './dead-letter-queue.ts'
import type { AnyLetter, LetterGroup } from './dead-letters.ts'

/** Columns as wide as their widest cell; the last one as long as it is. */
function drawTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const draw = (row: readonly string[]) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')
  return [heads, ...rows].map(draw).join('\n')
}

/** An instant to the second, UTC. */
const toTime = (text: string) => text.replace('T', ' ').replace(/\.\d+Z$/, 'Z')

export const drawGroups = (groups: readonly LetterGroup[]) =>
  drawTable(
    ['SOURCE', 'COUNT', 'OLDEST', 'NEWEST', 'REASON'],
    groups.map(({ source, reason, count, oldest, newest }) => [
      ...[source, String(count), toTime(oldest), toTime(newest), reason],
    ]),
  )

const toCoordinates = (at: { readonly topic: string; readonly partition: number; readonly offset: number }) =>
  `${at.topic}/${at.partition}/${at.offset}`

/** What an operator gives to `show`: where the record came from, or else where the letter is. */
const toWhere = (letter: AnyLetter) =>
  letter.source === 'queue' ? letter.message_id : toCoordinates(letter.origin ?? letter.place)

export const drawLetters = (letters: readonly AnyLetter[]) =>
  drawTable(
    ['SOURCE', 'RECORD OR MESSAGE', 'SET ASIDE', 'HANDLED', 'REASON'],
    letters.map((letter) => [
      ...[letter.source, toWhere(letter), toTime(letter.set_aside_at)],
      ...[letter.source === 'queue' ? '' : letter.handled.map(({ how }) => how).join(', '), letter.reason],
    ]),
  )

const tellBytes = (told: ToldBytes) => (told === null ? 'none' : `${told.bytes} bytes, SHA-256 ${told.sha256}`)

type Row = readonly [name: string, value: string]
const drawRows = (rows: readonly Row[]) =>
  rows.map(([name, value]) => `  ${name.padEnd(16)}${value}`.trimEnd()).join('\n')

function describeRecord(record: DescribedRecord): readonly Row[] {
  const { event, revealed } = record
  const fields = Object.entries(event ?? {}).map(([name, value]) => `${name} ${value}`)
  return [
    ['record', `${toCoordinates(record)}, recorded ${toTime(record.recorded_at)}`],
    ['key', tellBytes(record.key)],
    ['value', tellBytes(record.value)],
    ...(record.headers.length === 0 ? [['headers', 'none'] as const] : []),
    ...record.headers.map(
      ({ name, bytes, value }, index): Row => [index === 0 ? 'headers' : '', `${name}: ${value ?? `${bytes} bytes`}`],
    ),
    ...(record.value !== null && fields.length === 0
      ? [['event', event === null ? 'the value is no JSON object' : 'the value has no field of ours'] as const]
      : fields.map((field, index): Row => [index === 0 ? 'event' : '', field])),
    ...(revealed
      ? ([
          ['key, escaped', revealed.key ?? 'none'],
          ['value, escaped', revealed.value ?? 'none'],
        ] as const)
      : []),
  ]
}

function describeLetter(letter: Letter): string {
  const isElsewhere = letter.origin === null || toCoordinates(letter.origin) !== toCoordinates(letter.place)
  const handled = letter.handled.map(
    ({ how, by, at, because }) => `${how} ${toTime(at)} by ${by}${because === null ? '' : `: ${because}`}`,
  )
  return drawRows([
    ['reason', letter.reason],
    ['set aside', toTime(letter.set_aside_at)],
    ...(isElsewhere ? [['lies at', toCoordinates(letter.place)] as const] : []),
    ...(handled.length === 0 ? [['handled', 'not yet'] as const] : []),
    ...handled.map((text, index): Row => [index === 0 ? 'handled' : '', text]),
    ...(letter.records ?? []).flatMap(describeRecord),
  ])
}

const describeMessage = (letter: QueueLetter) =>
  drawRows([
    ['reason', letter.reason],
    ['sent', toTime(letter.set_aside_at)],
    ['verification', letter.verification_id ?? 'unknown'],
    ['attempt', String(letter.attempt ?? 'unknown')],
  ])

/** One dead letter, whole. */
export const drawLetter = (letter: AnyLetter) =>
  `${letter.source} ${toWhere(letter)}\n${letter.source === 'queue' ? describeMessage(letter) : describeLetter(letter)}`

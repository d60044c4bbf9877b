// The rows of a chaos run: kept in a file, so that a run that was cut off goes on, and printed as a table.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export type Row = {
  readonly fault: string
  readonly documents: number
  readonly users: number
  /** How the fault was seen to bite; empty: it was not. */
  readonly bite: string
  /** Posts that were answered by 202. */
  readonly accepted: number
  /** Other answers, by status, until the client tried once more. */
  readonly refused: Readonly<Record<string, number>>
  readonly wallets: number
  readonly lost: number
  readonly doubled: number
  readonly changed: number
  /** Originals, copies and data keys that should be gone. */
  readonly left: number
  /** From the end of the fault or of the posting, whichever is later, until nothing was open any more. */
  readonly recoverSeconds: number
  readonly seconds: number
  /** Everything that was not as it must be; empty: the row is good. */
  readonly failures: readonly string[]
}

export function readRows(path: string): Row[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Row[]
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

export function writeRows(path: string, rows: readonly Row[]): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(rows, null, 2)}\n`)
}

const describeRefused = (refused: Row['refused']) =>
  Object.entries(refused)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ')

/** A table in Markdown, aligned for terminals. */
export function formatTable(rows: readonly Row[]): string {
  const heads = [
    'fault',
    'how it was seen to bite',
    'accepted',
    'other answers',
    'wallets',
    'lost',
    'doubled',
    'changed',
    'left over',
    'recovered',
  ]
  const cells = rows.map((row) => [
    row.fault,
    row.bite || 'NOT SEEN',
    ...[
      `${row.accepted} of ${row.documents}`,
      describeRefused(row.refused),
      row.wallets,
      row.lost,
      row.doubled,
      row.changed,
      row.left,
    ].map(String),
    `${row.recoverSeconds.toFixed(1)} s`,
  ])
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map((line) => line[column]?.length ?? 0)))
  const format = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [format(heads), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...cells.map(format)].join('\n')
}

// Where a chaos run ends a function. Nothing anywhere else: only the bundles of a chaos run are given a folder, and esbuild
// takes the rest out of all others. See test/chaos/crash-points.ts.
import { appendFileSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'

/** Replaced by esbuild: the folder in which points are armed, or `undefined`. Tests run the sources, where it does not exist. */
declare const CRASH_POINT_FOLDER: string | undefined

/** Between which two steps. */
export const crashPoints = [
  ...(['intake-after-row', 'intake-after-object'] as const),
  ...(['verification-after-key', 'verification-after-verdict', 'verification-before-publish'] as const),
  ...(['verification-after-publish', 'verification-before-discard', 'verification-after-destruction'] as const),
  ...(['inspect-after-read', 'inspect-after-copy'] as const),
  ...(['wallet-before-derive', 'wallet-before-commit', 'wallet-after-commit'] as const),
  ...(['announce-after-publish'] as const),
  ...(['erase-after-note', 'erase-after-key', 'erase-after-copy'] as const),
] as const
export type CrashPoint = (typeof crashPoints)[number]

/** What a point does: kills the process, never returns, or takes all memory. */
export type CrashKind = 'kill' | 'hang' | 'memory'

/**
 * Ends the process here when the point is armed: by a file `POINT.NUMBER`, used up by that, or `POINT@SUBJECT.NUMBER`, which
 * stays, for that subject alone. Its content is the kind. What was ended is told by a line in the file `bitten`.
 */
export function crashPoint(point: CrashPoint, subject?: string): void {
  if (typeof CRASH_POINT_FOLDER === 'undefined') return
  for (const name of readdirSync(CRASH_POINT_FOLDER)) {
    const [of, forSubject] = name.replace(/\.\d+$/, '').split('@')
    if (of !== point || (forSubject !== undefined && forSubject !== subject)) continue
    const file = `${CRASH_POINT_FOLDER}/${name}`
    try {
      const kind = readFileSync(file, 'utf8')
      // Only one process gets to remove it.
      if (forSubject === undefined) unlinkSync(file)
      appendFileSync(`${CRASH_POINT_FOLDER}/bitten`, `${JSON.stringify({ point, kind, process: process.pid })}\n`)
      end(kind)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    }
  }
}

function end(kind: string): void {
  if (kind === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  const taken: number[][] = []
  while (kind === 'memory') taken.push(Array.from({ length: 100_000 }, Math.random))
  process.kill(process.pid, 'SIGKILL')
}

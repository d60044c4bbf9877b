// The points at which the functions of a chaos build end (shared/crash-point.ts), armed and disarmed by files.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CrashKind, CrashPoint } from '../../shared/crash-point.ts'

export type ArmedPoints = {
  /** The next process that gets there ends. */
  arm(point: CrashPoint, kind?: CrashKind): void
  /** Every process ends that gets there with this subject, until `disarm`. */
  armFor(point: CrashPoint, subject: string, kind?: CrashKind): void
  disarm(): void
  /** How many processes have ended there, ever. */
  countBites(point: CrashPoint): number
}

export function openArmedPoints(folder: string): ArmedPoints {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  let number = 0
  const write = (name: string, kind: CrashKind) => writeFileSync(join(folder, `${name}.${++number}`), kind)
  return {
    arm: (point, kind = 'kill') => write(point, kind),
    armFor: (point, subject, kind = 'kill') => write(`${point}@${subject}`, kind),
    disarm: () => {
      for (const name of readdirSync(folder)) if (name !== 'bitten') rmSync(join(folder, name), { force: true })
    },
    countBites: (point) => readBites(folder).filter((bite) => bite === point).length,
  }
}

function readBites(folder: string): string[] {
  if (!readdirSync(folder).includes('bitten')) return []
  const lines = readFileSync(join(folder, 'bitten'), 'utf8').trim().split('\n')
  return lines.map((line) => (JSON.parse(line) as { point: string }).point)
}

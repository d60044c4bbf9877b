// What was measured, brought together into series over time: of calls, of stages, of processes. Computes only.
import { quantile } from '../statistics.ts'
import type { ProcessSample } from './watch.ts'

/** A value that was measured at a moment, in milliseconds since the run began. */
export type Measured = { readonly at: number; readonly value: number }

/** So many bins at most that a screen has a few pixels for each, and so many at least that a line shows something. */
const [fewestBins, mostBins] = [20, 150]
/** So many values in each, where there are enough, that a percentile of them says something. */
const fewestValues = 10

/** The width of a bin in whole seconds, for a run of that length (ms) and with so many values a second. */
export function chooseBinSeconds(milliseconds: number, rate: number): number {
  const seconds = milliseconds / 1000
  const wanted = Math.min(Math.ceil(fewestValues / rate), Math.floor(seconds / fewestBins))
  return Math.max(1, Math.ceil(seconds / mostBins), wanted)
}

/** The beginnings of the bins, in seconds; they cover the whole run. */
export const makeBins = (milliseconds: number, binSeconds: number): readonly number[] =>
  Array.from({ length: Math.max(1, Math.ceil(milliseconds / 1000 / binSeconds)) }, (_, at) => at * binSeconds)

/** The values of each bin. What lies outside of all bins is in none. */
function fillBins(values: readonly Measured[], bins: readonly number[], binSeconds: number): readonly number[][] {
  const filled: number[][] = bins.map(() => [])
  for (const { at, value } of values) filled[Math.floor(at / 1000 / binSeconds)]?.push(value)
  return filled
}

/** The quantile of each bin; null for one without values. */
export function quantiles(
  values: readonly Measured[],
  bins: readonly number[],
  binSeconds: number,
  share: number,
): readonly (number | null)[] {
  return fillBins(values, bins, binSeconds).map((each) => (each.length === 0 ? null : quantile(each, share)))
}

/** How many a second there were in each bin. */
export function ratesPerSecond(
  counts: readonly { readonly at: number; readonly count: number }[],
  bins: readonly number[],
  binSeconds: number,
): readonly number[] {
  const values = counts.map(({ at, count }) => ({ at, value: count }))
  return fillBins(values, bins, binSeconds).map((each) => each.reduce((sum, count) => sum + count, 0) / binSeconds)
}

/** The largest value of each bin; null for one without. */
export const maxima = (values: readonly Measured[], bins: readonly number[], binSeconds: number) =>
  quantiles(values, bins, binSeconds, 1)

/** The largest process of each name at each moment, in bytes: a leak shows in the one that lives longest. */
export function largestProcesses(samples: readonly ProcessSample[]): ReadonlyMap<string, readonly Measured[]> {
  const series = new Map<string, Measured[]>()
  for (const { at, processes } of samples) {
    const largest = new Map<string, number>()
    for (const { name, bytes } of processes) largest.set(name, Math.max(bytes, largest.get(name) ?? 0))
    for (const [name, value] of largest) series.set(name, [...(series.get(name) ?? []), { at, value }])
  }
  return series
}

/** What all processes of each name used, over the run. */
export type NamedUse = {
  readonly name: string
  /** At the end. */
  readonly processes: number
  readonly bytes: number
  /** Between the first sample and the last, of all that were seen. */
  readonly cpuSeconds: number
}

export function sumProcesses(samples: readonly ProcessSample[]): readonly NamedUse[] {
  const uses = new Map<string, { processes: number; bytes: number; cpuSeconds: number }>()
  const first = new Map<number, number>()
  const last = new Map<number, { name: string; cpuSeconds: number }>()
  for (const [at, { processes }] of samples.entries()) {
    for (const { pid, name, cpuSeconds } of processes) {
      // One that began during the run has used nothing before.
      if (!first.has(pid)) first.set(pid, at === 0 ? cpuSeconds : 0)
      last.set(pid, { name, cpuSeconds })
      uses.set(name, uses.get(name) ?? { processes: 0, bytes: 0, cpuSeconds: 0 })
    }
  }
  for (const [pid, { name, cpuSeconds }] of last) {
    const use = uses.get(name)
    if (use) use.cpuSeconds += cpuSeconds - (first.get(pid) ?? 0)
  }
  for (const { name, bytes } of samples.at(-1)?.processes ?? []) {
    const use = uses.get(name)
    if (use) Object.assign(use, { processes: use.processes + 1, bytes: use.bytes + bytes })
  }
  return [...uses].map(([name, use]) => ({ name, ...use })).toSorted((one, other) => other.cpuSeconds - one.cpuSeconds)
}

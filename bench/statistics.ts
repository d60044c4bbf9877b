// The statistics that benchmarks and the load report state.

/** The middle value; of an even number of them the upper one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which that share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export type Point = { readonly x: number; readonly y: number }

/** By how much `y` changes for each 1 of `x`, and between which bounds that lies with 95 % confidence. */
export type Slope = { readonly slope: number; readonly low: number; readonly high: number }

/**
 * The median of the slopes between all pairs of points (Theil, 1950), with the interval of Sen (1968): no single outlier,
 * as of a garbage collection or a busy moment of the machine, moves it.
 *
 * @returns undefined for fewer than 5 points, of which no interval can be told
 */
export function theilSen(points: readonly Point[]): Slope | undefined {
  const count = points.length
  if (count < 5) return undefined
  const slopes: number[] = []
  for (const [at, one] of points.entries()) {
    for (const other of points.slice(at + 1)) if (other.x !== one.x) slopes.push((other.y - one.y) / (other.x - one.x))
  }
  slopes.sort((a, b) => a - b)
  // Kendall's S has this variance when there is no trend; 1.96 of its deviations are 95 %.
  const half = (1.96 * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)) / 2
  const middle = slopes.length / 2
  const take = (at: number) => slopes[Math.min(slopes.length - 1, Math.max(0, at))] ?? Number.NaN
  return { slope: median(slopes), low: take(Math.floor(middle - half)), high: take(Math.ceil(middle + half)) }
}

/** The interval of Wilson (1927) that holds the share of which `count` of `total` were seen, with 95 % confidence. */
export function wilson(count: number, total: number): { readonly low: number; readonly high: number } {
  const z = 1.96
  const share = count / total
  const middle = share + z ** 2 / (2 * total)
  const half = z * Math.sqrt((share * (1 - share)) / total + z ** 2 / (4 * total ** 2))
  const scale = 1 + z ** 2 / total
  return { low: Math.max(0, (middle - half) / scale), high: Math.min(1, (middle + half) / scale) }
}

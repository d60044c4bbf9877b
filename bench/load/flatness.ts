// Whether something that was measured for a while stayed as it was: the slope, its interval, and what that says.
import { median, type Slope, theilSen } from '../statistics.ts'
import type { Measured } from './series.ts'

/**
 * `flat`: it is shown that it grows by no more than is tolerated. `grows`: it is shown that it grows, and not that it grows so
 * little. `unclear`: neither is shown; a quieter machine or more time is needed.
 */
export type Flatness = 'flat' | 'grows' | 'unclear'

export type Trend = {
  readonly flatness: Flatness
  /** The middle value. */
  readonly level: number
  /** Growth over the whole span, and its bounds with 95 % confidence, in the unit of the values. */
  readonly growth: Slope
  /** Growth that is tolerated over the span. */
  readonly tolerated: number
}

/** A point of the trend is the median of so many seconds. */
const pointSeconds = 30

/**
 * @param from of the span, and `to`, in milliseconds since the run began
 * @param share of the level by which it may grow over the span
 * @returns undefined when there is too little to say anything
 */
export function judgeTrend(
  values: readonly Measured[],
  { from, to, share }: { readonly from: number; readonly to: number; readonly share: number },
): Trend | undefined {
  const inside = values.filter(({ at }) => at >= from && at < to)
  const groups = Map.groupBy(inside, ({ at }) => Math.floor((at - from) / 1000 / pointSeconds))
  const points = [...groups].map(([x, group]) => ({ x, y: median(group.map(({ value }) => value)) }))
  const slope = theilSen(points)
  if (!slope) return undefined
  const span = (to - from) / 1000 / pointSeconds
  const growth = { slope: slope.slope * span, low: slope.low * span, high: slope.high * span }
  const level = median(inside.map(({ value }) => value))
  const tolerated = level * share
  const flatness = growth.high <= tolerated ? 'flat' : growth.low > 0 ? 'grows' : 'unclear'
  return { flatness, level, growth, tolerated }
}

// What the simulation of outages is made of: chance by a seed, a topic whose records have an age, and entries to strike out.

/** Uniform in [0, 1), by that seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** How many come when so many are expected (Poisson); by the normal distribution where many are. */
export function drawArrivals(expected: number, random: () => number): number {
  if (expected > 50) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return Math.max(0, Math.round(expected + Math.sqrt(expected) * normal))
  }
  const limit = Math.exp(-expected)
  let count = 0
  for (let product = random(); product > limit; product *= random()) count += 1
  return count
}

/** Records on the topic, the oldest first; `again`: of the net, for rows whose first record is late, or a dead letter. */
type Kind = 'first' | 'again'
type Entry = { since: number; count: number; readonly kind: Kind }

export function createLag() {
  const entries: Entry[] = []
  let head = 0
  let size = 0
  return {
    size: () => size,
    add: (since: number, count: number, kind: Kind) => {
      if (count > 0) entries.push({ since, count, kind })
      size += Math.max(0, count)
    },
    /** Takes so many of the oldest that are allowed; tells how many of each kind. */
    take: (limit: number, isAllowed: (entry: Entry) => boolean = () => true) => {
      const taken: Record<Kind, number> = { first: 0, again: 0 }
      let left = limit
      for (let entry = entries[head]; entry && left > 0 && isAllowed(entry); entry = entries[head]) {
        const count = Math.min(left, entry.count)
        entry.count -= count
        left -= count
        size -= count
        taken[entry.kind] += count
        if (entry.count <= 0) head += 1
      }
      return taken
    },
    /** How many of the first kind are older than that. */
    countOlder: (time: number) => {
      let count = 0
      for (let at = head; at < entries.length; at++) {
        const entry = entries[at] as Entry
        if (entry.since > time) break
        if (entry.kind === 'first') count += entry.count
      }
      return count
    },
  }
}

export const sum = (entries: readonly { readonly count: number }[]) =>
  entries.reduce((total, { count }) => total + count, 0)

/** Strikes out so many, from that end. */
export function strike(entries: { count: number }[], count: number, end: 'oldest' | 'newest'): void {
  const at = end === 'oldest' ? 0 : -1
  let left = count
  for (let entry = entries.at(at); entry && left > 0; entry = entries.at(at)) {
    const struck = Math.min(entry.count, left)
    entry.count -= struck
    left -= struck
    if (entry.count > 0) return
    if (end === 'oldest') entries.shift()
    else entries.pop()
  }
}

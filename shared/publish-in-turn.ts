// Publishing by one request at a time, in which goes what has come meanwhile.
import type { Publication, Publish } from './kafka.ts'

/**
 * One at a time, since kafkajs hands the sequence number of a record whose answer was lost to the next one that waits; a broker
 * that has the former takes the latter for it, and acknowledges what it does not write. What a request rejects with, everyone
 * is told whose records were in it.
 */
export function publishInTurn(publish: Publish): Publish {
  let turn: Promise<void> = Promise.resolve()
  let next: { readonly publications: Publication[]; readonly published: Promise<void> } | undefined

  return async (publications) => {
    if (next === undefined) {
      const gathered: Publication[] = []
      const published = turn.then(() => {
        next = undefined
        return publish(gathered)
      })
      turn = published.catch(() => undefined)
      next = { publications: gathered, published }
    }
    next.publications.push(...publications)
    await next.published
  }
}

// How far a flood of one caller slows others' POST: `npm run bench -- flood --state DIR` against a running `npm start`. Quiet
// and flooded rounds take turns, so that what the machine does meanwhile hits both alike. Give the stack a small POST_LIMIT_….
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeLetter } from '../test/support/fixtures.ts'
import { type Answer, type Api, openApi, postDocument, type StackDescription } from '../test/support/local-stack.ts'
import { median, quantile } from './statistics.ts'

const { values } = parseArgs({
  options: {
    state: { type: 'string', default: '.local/state' },
    rounds: { type: 'string', default: '6' },
    posts: { type: 'string', default: '20' },
    clients: { type: 'string', default: '8' },
  },
})
const stack: StackDescription = JSON.parse(readFileSync(join(values.state, 'stack.json'), 'utf8'))
const run = randomUUID().slice(0, 8)
const flooder = await openApi(stack, values.state, { service: `flooder-${run}` })
/** So many that none of them meets the limit itself. */
const others = await Promise.all(
  Array.from({ length: 10 }, (_, at) => openApi(stack, values.state, { service: `other-${run}-${at}` })),
)
let users = 0

/** One document of a new user. */
function post(api: Api): Promise<Answer> {
  users += 1
  const userId = `flood-${run}-${users}`
  return postDocument(api, { user_id: userId, network: 'ethereum', document: makeLetter(userId) })
}

/** The others' POSTs, one after another; each one's milliseconds. */
async function measure(count: number): Promise<readonly number[]> {
  const times: number[] = []
  for (let at = 0; at < count; at++) {
    const start = performance.now()
    const answer = await post(others[at % others.length] as Api)
    if (answer.status !== 202) throw new Error(`expected 202 for who does not flood; got ${answer.status}`)
    times.push(performance.now() - start)
  }
  return times
}

/** Floods until the work is done. Returns what the flood was answered, by status, and for how long (s) it went on. */
async function flood<Result>(clients: number, work: () => Promise<Result>) {
  const answers = new Map<number, number>()
  let isOver = false
  const start = performance.now()
  const flooding = Array.from({ length: clients }, async () => {
    while (!isOver) {
      const { status } = await post(flooder)
      answers.set(status, (answers.get(status) ?? 0) + 1)
    }
  })
  const result = await work().finally(() => {
    isOver = true
  })
  await Promise.all(flooding)
  return { result, answers, seconds: (performance.now() - start) / 1000 }
}

const [rounds, posts, clients] = [Number(values.rounds), Number(values.posts), Number(values.clients)]
const first = await post(flooder)
console.log(`limit of each caller: ${first.headers['ratelimit-policy']}; ${clients} clients flood, as one caller\n`)
// The flood's containers and its burst are not what is measured.
await flood(clients, () => measure(posts))

const quiet: number[] = []
const flooded: number[] = []
const ratios: number[] = []
const answered = new Map<number, number>()
let floodSeconds = 0
for (let round = 1; round <= rounds; round++) {
  const alone = await measure(posts)
  const { result, answers, seconds } = await flood(clients, () => measure(posts))
  quiet.push(...alone)
  flooded.push(...result)
  ratios.push(median(result) / median(alone))
  floodSeconds += seconds
  for (const [status, count] of answers) answered.set(status, (answered.get(status) ?? 0) + count)
}

for (const [what, times] of [
  ['POST of another caller, alone', quiet],
  ['POST of another caller, beside the flood', flooded],
] as const) {
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)]
  console.log(`${what.padEnd(48)} p50 ${p50.toFixed(0).padStart(6)} ms   p99 ${p99.toFixed(0).padStart(6)} ms`)
}
const perSecond = [...answered]
  .toSorted(([a], [b]) => a - b)
  .map(([status, count]) => `${(count / floodSeconds).toFixed(1)} x ${status}`)
console.log(`the flood had, a second: ${perSecond.join(', ')}`)
console.log(
  `\nratio of the medians, flooded to alone: ${median(ratios).toFixed(2)} (rounds: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
)
if (!answered.has(429)) {
  console.log(
    'nothing was refused: the flood stayed below the limit, and what it left to do slows the quiet rounds as well',
  )
}

// How far a flood of one caller slows others' POST: `npm run bench -- flood --state DIR` against a running `npm start`. Rounds
// take turns, so that what the machine does meanwhile hits all alike: quiet, beside the flood, and beside as many clients of a
// function that does nothing, which is what the emulator itself costs. Give the stack a small POST_LIMIT_….
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
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
const description = join(values.state, 'stack.json')
if (!existsSync(description)) {
  console.error(`expected a running stack; there is no ${description}. Start one: npm start -- --state ${values.state}`)
  process.exit(1)
}
const stack: StackDescription = JSON.parse(readFileSync(description, 'utf8'))
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

/** Calls from so many clients until the work is done. Returns what they were answered, by status, and for how long (s). */
async function beside<Result>(
  clients: number,
  send: () => Promise<{ readonly status: number }>,
  work: () => Promise<Result>,
) {
  const answers = new Map<number, number>()
  let isOver = false
  const start = performance.now()
  const calling = Array.from({ length: clients }, async () => {
    while (!isOver) {
      const { status } = await send()
      answers.set(status, (answers.get(status) ?? 0) + 1)
    }
  })
  const result = await work().finally(() => {
    isOver = true
  })
  await Promise.all(calling)
  return { result, answers, seconds: (performance.now() - start) / 1000 }
}

/** The same document each time: what the flood costs is not to be its own drawing. */
const flood = (() => {
  const document = makeLetter(`flood-${run}`)
  return () => postDocument(flooder, { user_id: `flood-${run}`, network: 'ethereum', document })
})()

/** A function that does nothing: the contract, which the client has already. */
const contract = `${stack.api_url}/openapi.json`
const etag = (await fetch(contract)).headers.get('etag') ?? ''
const doNothing = () => fetch(contract, { headers: { 'if-none-match': etag } })

const [rounds, posts, clients] = [Number(values.rounds), Number(values.posts), Number(values.clients)]
const first = await flood()
console.log(`limit of each caller: ${first.headers['ratelimit-policy']}; ${clients} clients flood, as one caller\n`)
// Starts of containers and the burst of the flood are not what is measured.
await beside(clients, flood, () => measure(posts))
await beside(clients, doNothing, () => measure(posts))

const kinds = {
  alone: { what: 'alone', send: undefined },
  floor: { what: `beside ${clients} clients of a function that does nothing`, send: doNothing },
  flooded: { what: 'beside the flood', send: flood },
} as const
type Kind = keyof typeof kinds
const names = Object.keys(kinds) as Kind[]
const rows = names.map((kind) => ({
  kind,
  ...{ times: [] as number[], medians: [] as number[], answers: new Map<number, number>(), seconds: 0 },
}))
for (let round = 1; round <= rounds; round++) {
  for (const row of rows) {
    const { send } = kinds[row.kind]
    const { result, answers, seconds } = send
      ? await beside(clients, send, () => measure(posts))
      : { result: await measure(posts), answers: new Map<number, number>(), seconds: 0 }
    row.times.push(...result)
    row.medians.push(median(result))
    row.seconds += seconds
    for (const [status, count] of answers) row.answers.set(status, (row.answers.get(status) ?? 0) + count)
  }
}

for (const { kind, times, answers, seconds } of rows) {
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)]
  const others = [...answers]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${(count / seconds).toFixed(1)} x ${status}`)
  console.log(
    `POST of another caller, ${kinds[kind].what.padEnd(48)} p50 ${p50.toFixed(0).padStart(5)} ms   p99 ${p99.toFixed(0).padStart(5)} ms` +
      (others.length > 0 ? `   they had, a second: ${others.join(', ')}` : ''),
  )
}
const ratio = (over: Kind, under: Kind): string => {
  const [a, b] = [over, under].map((kind) => rows.find((row) => row.kind === kind)?.medians ?? [])
  const ratios = (a ?? []).map((value, at) => value / (b?.[at] ?? Number.NaN))
  return `${median(ratios).toFixed(2)} (rounds: ${ratios.map((each) => each.toFixed(2)).join(', ')})`
}
console.log(`\nratio of the medians, flooded to alone:        ${ratio('flooded', 'alone')}`)
console.log(`ratio of the medians, flooded to that nothing: ${ratio('flooded', 'floor')}`)
if (!rows.some(({ kind, answers }) => kind === 'flooded' && answers.has(429))) {
  console.log(
    'nothing was refused: the flood stayed below the limit, and what it left to do slows the quiet rounds as well',
  )
}

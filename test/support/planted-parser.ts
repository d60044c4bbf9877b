// A parser with an attacker in it: a document that begins with one of these words makes it do that. Every other document it
// inspects as the real one does.
import { spawnSync } from 'node:child_process'
import { openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Worker } from 'node:worker_threads'
import { makeFrameHead } from '../../functions/inspect/frames.ts'
import { inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { rulesVersion } from '../../functions/inspect/rules-version.ts'
import { serveDocument } from '../../functions/inspect/serve-document.ts'

const answers = 3
const say = (kind: 'check' | 'answer', text: string) =>
  writeSync(answers, Buffer.concat([makeFrameHead(kind, text.length), Buffer.from(text)]))

/** What the shell, Node and libvips put into an empty environment. */
const ownVariables = ['PWD', 'SHLVL', '_', 'NODE_OPTIONS', 'LD_LIBRARY_PATH', 'VIPSHOME']

/** Each attempt to reach what it was not given. */
const reaches: Readonly<Record<string, () => unknown>> = {
  parent: () => readFileSync(`/proc/${process.ppid}/environ`),
  memory: () => openSync(`/proc/${process.ppid}/mem`, 'r'),
  users: () => readFileSync('/etc/passwd'),
  root: () => readdirSync('/'),
  write: () => writeFileSync(`${tmpdir()}/planted`, 'planted'),
  child: () => {
    const { error } = spawnSync('/bin/true')
    if (error) throw error
  },
  worker: () => new Worker('', { eval: true }),
}

function hasSucceeded([, reach]: readonly [string, () => unknown]): boolean {
  try {
    reach()
    return true
  } catch {
    return false
  }
}

const acts: Readonly<Record<string, () => unknown>> = {
  abort: () => process.abort(),
  exit: () => process.exit(0),
  throw: () => {
    throw new Error('planted')
  },
  print: () => {
    process.stdout.write('planted')
    process.stderr.write('planted')
    process.abort()
  },
  hang: () => {
    for (;;);
  },
  heap: () => {
    const taken: number[][] = []
    for (;;) taken.push(new Array(1_000_000).fill(0.5))
  },
  buffers: () => {
    const taken: Uint8Array[] = []
    for (;;) taken.push(new Uint8Array(64 * 1024 * 1024))
  },
  garbage: () => writeSync(answers, Buffer.alloc(1024, 0xff)),
  /** A copy of 4 GiB is announced, and begins. */
  flood: () => {
    const head = Buffer.from(makeFrameHead('copy', 0xffff_ffff))
    for (;;) writeSync(answers, head)
  },
  lie: () => say('answer', JSON.stringify({ inspection: { verdict: 'passed' }, copyMediaType: null, usage: {} })),
  /** A verdict of the right shape, without the clean copy that goes with it. */
  forge: () => {
    const inspection = { verdict: 'passed', mediaType: 'image/png', reasons: [], rulesVersion, checks: [] }
    const usage = { peakKilobytes: 1, cpuMilliseconds: 1 }
    say('answer', JSON.stringify({ inspection, copyMediaType: 'image/png', usage }))
  },
  /** What it found is told as the name of a check. */
  look: () => {
    const variables = Object.keys(process.env).filter((name) => !ownVariables.includes(name))
    const reached = Object.entries(reaches)
      .filter(hasSucceeded)
      .map(([name]) => name)
    say('check', [...variables.map(() => 'variable'), ...reached, 'all_told'].join('_'))
    process.abort()
  },
}

await serveDocument(async (bytes, onCheck) => {
  const [word = ''] = Buffer.from(bytes.subarray(0, 16)).toString('latin1').split(' ')
  const act = acts[word]
  if (act === undefined) return inspectDocument(bytes, onCheck)
  onCheck('decode')
  act()
  // What goes on is for its parent to say.
  return new Promise(() => setInterval(() => {}, 1000))
})

// Faults of the servers: Kafka, Postgres and the emulator, killed, frozen, cut off and full.
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import postgres from 'postgres'
import { listObjects, sendAgain, shortenPause } from './buckets.ts'
import { type Fault, type FaultContext, many, some } from './fault.ts'
import { type ChaosStack, isAlive, kill, type Part, waitUntil } from './stack.ts'

/** Kills a part, and waits until another process of it is recorded and answers. */
async function killPart(stack: ChaosStack, part: Part, answers: () => Promise<boolean>): Promise<string | undefined> {
  const before = stack.findProcess(part)
  kill(before)
  const isGone = await waitUntil(() => !isAlive(before) || stack.findProcess(part) !== before, 10_000)
  const wasSilent = !(await answers().catch(() => false))
  const isBack = await waitUntil(async () => stack.findProcess(part) !== before && (await answers()), 120_000)
  if (!isBack) throw new Error(`${part} did not come back after it was killed`)
  return isGone
    ? `process ${before} gone${wasSilent ? ', nobody answered' : ''}, then ${stack.findProcess(part)}`
    : undefined
}

async function answersKafka({ kafka }: ChaosStack): Promise<boolean> {
  const admin = kafka.admin({ retry: { retries: 0 } })
  try {
    await within(4000, admin.connect())
    await within(4000, admin.describeCluster())
    return true
  } catch {
    return false
  } finally {
    await within(1000, admin.disconnect()).catch(() => undefined)
  }
}

/** @throws {Error} when the work takes longer (ms) */
async function within<Result>(milliseconds: number, work: Promise<Result>): Promise<Result> {
  const enough = new AbortController()
  const expired = wait(milliseconds, undefined, { signal: enough.signal }).then(() => {
    throw new Error(`no answer within ${milliseconds} ms`)
  })
  expired.catch(() => undefined)
  try {
    return await Promise.race([work, expired])
  } finally {
    enough.abort()
  }
}

const answersSql = async ({ sql }: ChaosStack) => (await within(4000, sql`select 1`.execute())).length === 1

/** Freezes a process for so long (ms), and asks it meanwhile. */
async function freeze(
  stack: ChaosStack,
  part: Part,
  milliseconds: number,
  answers: () => Promise<boolean>,
): Promise<string | undefined> {
  const pid = stack.findProcess(part)
  process.kill(pid, 'SIGSTOP')
  const start = Date.now()
  try {
    await wait(2000)
    const answered = await answers().catch(() => false)
    await wait(milliseconds - (Date.now() - start))
    return answered ? undefined : `no answer for ${Math.round((Date.now() - start) / 1000)} s`
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** How many lines of the database's log match. */
function countInLog(stack: ChaosStack, pattern: RegExp): number {
  const text = readFileSync(join(stack.description.log_dir, 'postgres.log'), 'utf8')
  return text.match(pattern)?.length ?? 0
}

const functionNames = ['intake', 'verification', 'wallet', 'announce', 'read']

async function cutConnections({ stack, signal }: FaultContext): Promise<string | undefined> {
  let cut = 0
  for (let round = 0; round < 40 && !signal.aborted; round++) {
    const rows = await stack.sql`
      select pg_terminate_backend(pid) from pg_stat_activity where application_name = any(${functionNames})`
    cut += rows.length
    await wait(500)
  }
  return cut === 0 ? undefined : `${cut} connections of functions terminated in 20 s`
}

async function useUpConnections({ stack }: FaultContext): Promise<string | undefined> {
  const refusals = () => countInLog(stack, /FATAL: {2}(sorry, too many clients already|remaining connection slots)/g)
  const before = refusals()
  const held: postgres.Sql[] = []
  const end = Date.now() + 20_000
  try {
    while (Date.now() < end) {
      const one = postgres(stack.description.database_url, { max: 1, connect_timeout: 5, onnotice: () => {} })
      const isConnected = await one`select 1`.then(
        () => true,
        () => false,
      )
      if (isConnected) {
        held.push(one)
        continue
      }
      await one.end({ timeout: 0 })
      // Those of the functions that were open before it began: what they give back is taken.
      const [first] = held
      if (first)
        await first`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = any(${functionNames})`
      await wait(250)
    }
  } finally {
    await Promise.all(held.map((one) => one.end({ timeout: 1 })))
  }
  const count = refusals() - before
  return count === 0 ? undefined : `${held.length} connections held for 20 s, ${count} others refused`
}

/** A small file system in memory; removed with everything in it. */
function mountSmall(folder: string): () => void {
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'pipe' })
  } catch (cause) {
    rmSync(folder, { recursive: true })
    throw new Error('this fault mounts a small tmpfs, for which it must run as root on Linux', { cause })
  }
  return () => {
    execFileSync('umount', ['--lazy', folder], { stdio: 'pipe' })
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The tables that grow are moved to a disk that is then filled, for 20 s, and moved back. */
async function fillDisk({ stack }: FaultContext): Promise<string | undefined> {
  const { sql } = stack
  const disk = join(stack.stateFolder, 'small-disk')
  const refusals = () => countInLog(stack, /No space left on device/g)
  const before = refusals()
  const unmount = mountSmall(disk)
  const tables = ['verification.verifications', 'wallet.accounts', 'wallet.wallets']
  const relations = await sql<{ kind: string; name: string }[]>`
    select case relkind when 'i' then 'index' else 'table' end as kind, pg_class.oid::regclass::text as name
    from pg_class left join pg_index on indexrelid = pg_class.oid
    where pg_class.oid = any(${tables}::regclass[]) or indrelid = any(${tables}::regclass[])`
  const moveAll = async (to: string) => {
    for (const { kind, name } of relations) await sql.unsafe(`alter ${kind} ${name} set tablespace ${to}`)
  }
  try {
    const tablespace = join(disk, 'tablespace')
    mkdirSync(tablespace)
    const owner = Number(
      /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${stack.findProcess('postgres')}/status`, 'utf8'))?.[1],
    )
    chownSync(tablespace, owner, owner)
    await sql.unsafe(`create tablespace small_disk location '${tablespace}'`)
    await moveAll('small_disk')
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(join(disk, 'filler'), Buffer.alloc(bavail * bsize))
    // Pages of a table have room for more rows: without it the disk is needed at once.
    await wait(20_000)
    rmSync(join(disk, 'filler'))
  } finally {
    rmSync(join(disk, 'filler'), { force: true })
    await moveAll('pg_default')
    await sql.unsafe('drop tablespace if exists small_disk')
    unmount()
  }
  const count = refusals() - before
  return count === 0 ? undefined : `${count} writes refused: No space left on device`
}

/** What the emulator says of itself. */
const answersEmulator = async ({ description }: ChaosStack) =>
  (await fetch(`${description.emulator_url}/_ministack/ready`, { signal: AbortSignal.timeout(2000) })).ok

/** Ends whatever functions run, over and over, for so long (ms). */
async function killWorkers({ stack, signal }: FaultContext, milliseconds: number): Promise<string | undefined> {
  const end = Date.now() + milliseconds
  let killed = 0
  const names = ['Intake', 'Verification', 'Inspect', 'Wallet', 'Announce', 'Read', 'Authorize']
  while (Date.now() < end && !signal.aborted) {
    const workers = names.flatMap((name) => stack.findWorkers(name))
    const victim = workers[Math.floor(Math.random() * workers.length)]
    if (victim !== undefined) {
      kill(victim)
      killed += 1
    }
    await wait(700)
  }
  return killed === 0 ? undefined : `${killed} processes of functions killed in ${milliseconds / 1000} s`
}

export const serverFaults: readonly Fault[] = [
  {
    name: 'kafka-killed',
    documents: many,
    inject: ({ stack }) => killPart(stack, 'kafka', () => answersKafka(stack)),
  },
  {
    name: 'kafka-paused',
    documents: many,
    inject: ({ stack }) => freeze(stack, 'kafka', 60_000, () => answersKafka(stack)),
  },
  {
    name: 'postgres-killed',
    documents: many,
    inject: ({ stack }) => killPart(stack, 'postgres', () => answersSql(stack)),
  },
  {
    name: 'postgres-paused',
    documents: some,
    inject: ({ stack }) => freezePostgres(stack),
  },
  { name: 'postgres-connections-cut', documents: some, inject: cutConnections },
  { name: 'postgres-connections-used-up', documents: some, inject: useUpConnections },
  { name: 'postgres-disk-full', documents: many, inject: fillDisk },
  {
    name: 'emulator-killed',
    documents: many,
    inject: async ({ stack }) => {
      const bite = await killPart(stack, 'emulator', () => answersEmulator(stack))
      await shortenPause(stack)
      return bite
    },
    // SQS forgets no message; this emulator does when it is killed. By now the stack itself has put there what had no verdict.
    check: async ({ stack }) => {
      await sendAgain(stack, (await listObjects(stack)).originals)
      return []
    },
  },
  { name: 'functions-killed', documents: many, inject: (context) => killWorkers(context, 20_000) },
]

/** The postmaster alone would let its backends go on: all of its children are frozen. */
async function freezePostgres(stack: ChaosStack): Promise<string | undefined> {
  const postmaster = stack.findProcess('postgres')
  const parentOf = (pid: string) => /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  const backends = readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && parentOf(name) === String(postmaster)
    } catch {
      return false
    }
  })
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => {
    for (const pid of [postmaster, ...backends.map(Number)]) {
      try {
        process.kill(pid, name)
      } catch (error) {
        // A backend may have ended meanwhile.
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      }
    }
  }
  signal('SIGSTOP')
  try {
    await wait(2000)
    const answered = await answersSql(stack).catch(() => false)
    await wait(25_000)
    return answered ? undefined : `no answer for 27 s, of ${backends.length + 1} processes`
  } finally {
    signal('SIGCONT')
  }
}

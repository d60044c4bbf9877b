// `npm run dlq -- list|show|redrive|discard`: dead letters of a stage, wherever they lie. Flags and questions are here; what is
// found and done is in dead-letters.ts and in the operate function.
import type { LetterFilter } from '../functions/operate/dead-letter-requests.ts'
import { InputError, readFlags, runOperatorCommand, writeLine } from './command-line.ts'
import { withDeadLetterQueue } from './dead-letter-queue.ts'
import { drawGroups, drawLetter, drawLetters } from './dead-letter-report.ts'
import {
  type AnyLetter,
  createGroups,
  type DeadLetterReach,
  findLetters,
  handleLetters,
  letterSources,
  type Order,
  type Selection,
} from './dead-letters.ts'
import { withOperate } from './operate-call.ts'
import { dataStackOf, openStage, readOutputs, type StageAccess } from './stage-access.ts'
import { requireTyped, standardTerminal } from './terminal.ts'

const help = `Dead letters of a stage: what could not be processed and waits for a person.

  npm run dlq -- list --stage dev       how many, by source and reason
  npm run dlq -- show --stage dev --topic user.verified --partition 3 --offset 17
  npm run dlq -- redrive --stage dev --source quarantine --reason 'unknown version'
  npm run dlq -- discard --stage dev --source topic --because 'test records of Tuesday'

Sources: quarantine, records that the wallet function did not understand (wallet.quarantine); topic, records with which it
failed again and again (the dead-letter topic); queue, documents that got no verdict (the dead-letter queue).

  --stage NAME           of the stage table (lib/stage-table.ts)
  --state DIR            of a local stack (default .local/state)
  --json                 lines of JSON, as without a terminal
  --help
which ones; all that is said must be true of one:
  --source NAME          quarantine, topic or queue; all of them unless said
  --reason TEXT          a part of the reason
  --since WHEN, --until WHEN
                         set aside then: an instant (2026-01-02T12:00:00Z), or so long ago (90m, 12h, 3d)
  --topic NAME, --partition N, --offset N
                         where the record came from, or where it lies now
  --user ID              of that user: the whole key of the record
  --message ID           of the queue
of list and show:
  --each                 list: one line each, instead of groups
  --handled              also what was redriven or discarded (show always does)
  --reveal               show: also key and value, escaped. Whose a record is, is personal data; the function's log says who asked
of redrive and discard:
  --dry-run              says what would be done
  --limit N              handles that many at most (1000 unless said)
  --confirm N            how many are expected, instead of a question; needed without a terminal
  --because TEXT         discard: why, which is kept with who did it

redrive publishes the records again as they were, or sends the messages round again; what was done already changes nothing, and
what fails again is a new dead letter. discard notes that nothing more is done; records stay where they are, messages are
deleted. Both may be stopped at any moment and repeated. Exit status 0: done, also when there was nothing to do. 1: show found
nothing, or some could not be handled. 2: anything else.
`

const say = (text: string) => console.error(text)

const knownFlags = {
  stage: 'string',
  state: 'string',
  json: 'boolean',
  source: 'string',
  reason: 'string',
  since: 'string',
  until: 'string',
  topic: 'string',
  partition: 'string',
  offset: 'string',
  user: 'string',
  message: 'string',
  each: 'boolean',
  handled: 'boolean',
  reveal: 'boolean',
  'dry-run': 'boolean',
  limit: 'string',
  confirm: 'string',
  because: 'string',
  help: 'boolean',
} as const
type Flag = keyof typeof knownFlags
type Flags = Partial<Record<Flag, string | true>>

const actions = ['list', 'show', 'redrive', 'discard'] as const
type Action = (typeof actions)[number]

/** Flags that one action alone knows. */
const ownFlags: Readonly<Partial<Record<Flag, readonly Action[]>>> = {
  each: ['list'],
  handled: ['list'],
  reveal: ['show'],
  'dry-run': ['redrive', 'discard'],
  limit: ['redrive', 'discard'],
  confirm: ['redrive', 'discard'],
  because: ['discard'],
}

// ---- flags

const refuse = (message: string) => new InputError('invalid_arguments', `${message}; --help lists the flags`)

function toNumber(flags: Flags, name: Flag): number | undefined {
  const text = flags[name]
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(String(text))) return Number(text)
  throw refuse(`expected a whole number after --${name}`)
}

const toText = (flags: Flags, name: Flag) => (typeof flags[name] === 'string' ? flags[name] : undefined)

const milliseconds: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

function toInstant(flags: Flags, name: 'since' | 'until'): string | undefined {
  const text = toText(flags, name)
  if (text === undefined) return undefined
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const isInstant = /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/.test(text) && !Number.isNaN(Date.parse(text))
  if (count !== undefined) return new Date(Date.now() - Number(count) * (milliseconds[unit ?? ''] ?? 0)).toISOString()
  if (isInstant) return new Date(text).toISOString()
  throw refuse(`expected an instant (2026-01-02T12:00:00Z) or so long ago (90m, 12h, 3d) after --${name}`)
}

function toSelection(flags: Flags, action: Action): Selection {
  const { source } = flags
  if (source !== undefined && !letterSources.some((name) => name === source)) {
    throw refuse(`expected --source ${letterSources.join(', ')}`)
  }
  const given = {
    reason: toText(flags, 'reason'),
    user_id: toText(flags, 'user'),
    since: toInstant(flags, 'since'),
    until: toInstant(flags, 'until'),
    topic: toText(flags, 'topic'),
    partition: toNumber(flags, 'partition'),
    offset: toNumber(flags, 'offset'),
    handled: action === 'show' || flags.handled === true ? true : undefined,
  }
  const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as LetterFilter
  // Messages have no coordinates and no user, records no message id: a source that cannot have one is not asked.
  const ofRecords = (['topic', 'partition', 'offset', 'user'] as const).filter((name) => flags[name] !== undefined)
  const possible = letterSources
    .filter((name) => (source === undefined ? true : name === source))
    .filter((name) => (name === 'queue' ? ofRecords.length === 0 : flags.message === undefined))
  if (possible.length === 0) throw refuse('expected --message for the queue, the other coordinates for records')
  return { sources: possible, filter, messageId: toText(flags, 'message') }
}

function readAction(given: readonly string[]): { action: Action; flags: Flags } | 'help' {
  const [first, ...rest] = given
  const action = actions.find((name) => name === first)
  const flags: Flags = readFlags(action ? rest : given.filter((each) => each === '--help'), knownFlags)
  if (flags.help) return 'help'
  if (!action) throw refuse(`expected ${actions.join(', ')} first`)
  for (const [name, of] of Object.entries(ownFlags)) {
    if (flags[name as Flag] !== undefined && !of.includes(action)) throw refuse(`--${name} is of ${of.join(' and ')}`)
  }
  if (action === 'discard' && (toText(flags, 'because') ?? '').trim().length < 3) {
    throw refuse('expected --because TEXT: why they are given up, which is kept')
  }
  const places: readonly Flag[] = [
    'topic',
    'partition',
    'offset',
    'message',
    'user',
    'reason',
    'since',
    'until',
    'source',
  ]
  if (action === 'show' && places.every((name) => flags[name] === undefined)) {
    throw refuse('expected which one: --topic, --partition and --offset of a record, or --message of the queue')
  }
  return { action, flags }
}

// ---- list and show

const isForPerson = (flags: Flags) => process.stdout.isTTY === true && flags.json === undefined

async function list(reach: DeadLetterReach, selection: Selection, flags: Flags): Promise<void> {
  const groups = createGroups()
  const letters: AnyLetter[] = []
  let count = 0
  for await (const letter of findLetters(reach, selection, 'places')) {
    groups.add(letter)
    count += 1
    if (flags.each && isForPerson(flags)) letters.push(letter)
    else if (flags.each) await writeLine(JSON.stringify(letter))
  }
  if (!flags.each && !isForPerson(flags)) {
    for (const group of groups.read()) await writeLine(JSON.stringify(group))
  }
  if (isForPerson(flags) && count > 0) await writeLine(flags.each ? drawLetters(letters) : drawGroups(groups.read()))
  const next = flags.each ? 'show tells of one; redrive and discard handle them' : '--each names them, for show'
  say(count === 0 ? 'no dead letter' : `\n${tellCount(count)}${isForPerson(flags) ? ` (${next})` : ''}`)
  if (selection.sources.includes('queue')) await tellOfQueue(reach, groups.read())
}

const tellCount = (count: number) => (count === 1 ? '1 dead letter' : `${count} dead letters`)

/** SQS lends messages: what somebody else holds, it does not show. */
async function tellOfQueue({ queue }: DeadLetterReach, groups: readonly { source: string; count: number }[]) {
  const shown = groups.filter(({ source }) => source === 'queue').reduce((sum, { count }) => sum + count, 0)
  const about = await queue.count()
  if (about !== shown) {
    say(
      `the queue showed ${shown} that were asked for; SQS says that it has about ${about} in all, some of which somebody may hold`,
    )
  }
}

/** Letters that are shown at most. */
const mostShown = 20

async function show(reach: DeadLetterReach, selection: Selection, flags: Flags): Promise<void> {
  let count = 0
  for await (const letter of findLetters(reach, selection, flags.reveal ? 'revealed' : 'described')) {
    if (count === mostShown) {
      say(`there are more than ${mostShown}: say more exactly which`)
      return
    }
    count += 1
    await writeLine(isForPerson(flags) ? `${drawLetter(letter)}\n` : JSON.stringify(letter))
  }
  if (count === 0) throw new InputError('not_found', 'there is no such dead letter', { exitStatus: 1 })
}

// ---- redrive and discard

async function handle(
  access: StageAccess,
  reach: DeadLetterReach,
  selection: Selection,
  order: Order,
  flags: Flags,
): Promise<void> {
  const limit = toNumber(flags, 'limit') ?? 1000
  if (limit < 1 || limit > 100_000) throw refuse('expected --limit from 1 to 100000')
  const groups = createGroups()
  const letters: AnyLetter[] = []
  let hasMore = false
  for await (const letter of findLetters(reach, selection, 'places')) {
    if (letters.length === limit) {
      hasMore = true
      break
    }
    letters.push(letter)
    groups.add(letter)
  }
  const what = order.how === 'redriven' ? 'redrive' : 'discard'
  if (letters.length > 0) say(`\n${drawGroups(groups.read())}\n`)
  if (hasMore) say(`there are more than ${limit}: these are the first`)
  if (flags['dry-run']) {
    say(`nothing was done: ${tellCount(letters.length)} would be ${order.how}`)
    await writeLine(JSON.stringify({ stage: access.stage.name, [order.how]: 0, found: letters.length }))
    return
  }
  if (letters.length > 0)
    await confirm(flags, `To ${what}, in stage ${access.stage.name}: ${tellCount(letters.length)}.`, letters.length)
  const result = await handleLetters(reach, letters, order, (count) => tellProgress(count, letters.length))
  for (const { letter, why } of result.skipped.slice(0, mostShown)) say(`not ${order.how}: ${letter}: ${why}`)
  const { done, already, skipped } = result
  await writeLine(
    JSON.stringify({ stage: access.stage.name, [order.how]: done, handled_before: already, skipped: skipped.length }),
  )
  if (skipped.length === 0) return
  throw new InputError('some_skipped', `${tellCount(skipped.length)} could not be ${order.how}`, { exitStatus: 1 })
}

async function confirm(flags: Flags, question: string, count: number): Promise<void> {
  const expected = toNumber(flags, 'confirm')
  if (expected === undefined) {
    if (process.stdin.isTTY) return requireTyped(standardTerminal(), question, String(count))
    throw new InputError('not_confirmed', `nothing was done: to do it, repeat with --confirm ${count}`)
  }
  if (expected !== count) {
    throw new InputError('not_confirmed', `nothing was done: expected ${expected} by --confirm; found ${count}`)
  }
}

function tellProgress(count: number, all: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${count} of ${all}${count === all ? '\n' : ''}`)
  else if (count === all || count % 1000 < 250) say(`${count} of ${all}`)
}

await runOperatorCommand(async () => {
  const asked = readAction(process.argv.slice(2))
  if (asked === 'help') {
    process.stdout.write(help)
    return
  }
  const { action, flags } = asked
  const selection = toSelection(flags, action)
  const access = await openStage(flags)
  const { stage, caller, client } = access
  say(`stage ${stage.name}, account ${caller.account}, region ${client.region}, as ${caller.arn}`)
  const outputs = await readOutputs(client, dataStackOf(stage), [
    'VerificationDeadLetterQueueUrl',
    'VerificationQueueUrl',
  ])
  const urls = { deadLetters: outputs.VerificationDeadLetterQueueUrl, verification: outputs.VerificationQueueUrl }
  await withOperate(access, (call) =>
    withDeadLetterQueue(client, urls, async (queue) => {
      const reach = { call, queue }
      switch (action) {
        case 'list':
          return list(reach, selection, flags)
        case 'show':
          return show(reach, selection, flags)
        case 'redrive':
          return handle(access, reach, selection, { how: 'redriven' }, flags)
        case 'discard':
          return handle(access, reach, selection, { how: 'discarded', because: String(flags.because) }, flags)
      }
    }),
  )
})

// `npm run --silent inspect`: what the inspection says of files. Flags, the table and progress are here.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { describeError, describeValue, InputError, runCommand, writeLine } from './command-line.ts'
import { type FileVerdict, inspectFiles, prepareParser } from './inspect-files.ts'
import { formatHead, formatVerdict, type Layout, planLayout, toVisible } from './inspect-table.ts'

const help = `Inspects files as documents are inspected that are uploaded, and says what would come of each: nothing is kept or sent.

  npm run --silent inspect -- FILE…
  npm run --silent inspect -- --json scans/*.pdf

  --json   one line of JSON for each file: {"file", "verdict": "verified"|"rejected", "reasons": [{"code", "message", "retry"}]}
  --help

The order is that of the files. Exit status 0 whatever the verdicts; 2 when a file cannot be read, of which standard error
tells, the others being inspected all the same, and when the command is not understood.
`

/** npm runs its scripts in the repository, wherever it was called. */
const calledIn = process.env.npm_lifecycle_event === 'inspect' ? (process.env.INIT_CWD ?? '.') : '.'

function readArguments(given: readonly string[]): { files: readonly string[]; json: boolean; help: boolean } {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const
  const { values, positionals, tokens } = parseArgs({
    ...{ args: [...given], options, strict: false, allowPositionals: true, tokens: true },
  })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    if (Object.hasOwn(options, token.name) && token.value === undefined) continue
    const got = describeValue(token.rawName)
    throw new InputError('invalid_arguments', `expected a flag of this command; got ${got}; --help lists the flags`)
  }
  const [json, help] = [values.json === true, values.help === true]
  if (positionals.length === 0 && !help) {
    throw new InputError('invalid_arguments', 'expected files to inspect; got none; --help says more')
  }
  return { files: positionals, json, help }
}

/** A line on a terminal that says how far it is, and is taken away before anything else is written there. */
function showProgress(total: number): { readonly clear: () => void; readonly show: (done: number) => void } {
  if (!process.stderr.isTTY || total < 2) return { clear: () => {}, show: () => {} }
  let shownAt = Number.NEGATIVE_INFINITY
  const clear = () => process.stderr.write('\r\u001b[K')
  return {
    clear,
    show: (done) => {
      if (performance.now() - shownAt < 100) return
      shownAt = performance.now()
      clear()
      if (done < total) process.stderr.write(`${done} of ${total} (${Math.floor((100 * done) / total)} %)`)
    },
  }
}

const toLine = (file: string, { verdict, reasons }: FileVerdict) =>
  JSON.stringify({ file, verdict, reasons: reasons.map(({ code, message, retry }) => ({ code, message, retry })) })

async function inspectAll(files: readonly string[], layout: Layout | undefined): Promise<void> {
  const program = await prepareParser()
  const progress = showProgress(files.length)
  let done = 0
  if (layout) for (const line of formatHead(layout)) await writeLine(line)
  progress.show(done)
  await inspectFiles(
    program,
    files,
    (file) => resolve(calledIn, file),
    async (file, result) => {
      progress.clear()
      if (result instanceof InputError) {
        console.error(process.stderr.isTTY ? toVisible(result.message) : describeError(result))
        process.exitCode = 2
      } else {
        for (const line of layout ? formatVerdict(layout, file, result) : [toLine(file, result)]) await writeLine(line)
      }
      done += 1
      progress.show(done)
    },
  )
  progress.clear()
}

await runCommand(async () => {
  const { files, json, help: isHelp } = readArguments(process.argv.slice(2))
  if (isHelp) {
    process.stdout.write(help)
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      // Behind what clears up: to end by itself Node would wait for a file that is being read, for ever if that is a pipe.
      process.once('exit', () => process.kill(process.pid, signal))
      process.exit()
    })
  }
  // A terminal that was told no size has no columns.
  await inspectAll(files, json ? undefined : planLayout(files, process.stdout.columns || 100))
})

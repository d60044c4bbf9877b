// The log of the whole stack: what the parts of this process say and what the functions and servers wrote, each to its
// file as JSON lines, and merged on the terminal for people.
import { createWriteStream, type WriteStream } from 'node:fs'
import { styleText } from 'node:util'
import { prepareLog } from './log-file.ts'

export type LogLine = {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly [field: string]: unknown
}

export type StackLog = {
  /** Writes a line of a component, to the file of that name unless the component has a log of its own. */
  write(
    component: string,
    line: LogLine,
    options?: { readonly time?: number; readonly file?: string | undefined },
  ): void
  /** From now on lines appear on the terminal too. */
  showOnTerminal(): void
  close(): Promise<void>
}

/** @param files the names of the files in `stateFolder/logs` that may be written to */
export async function openStackLog(stateFolder: string, files: readonly string[]): Promise<StackLog> {
  const streams = new Map<string, WriteStream>()
  for (const name of files)
    streams.set(name, createWriteStream((await prepareLog(stateFolder, name)).path, { flags: 'a' }))
  let shown = false
  return {
    write: (component, line, { time = Date.now(), file } = {}) => {
      const entry = { timestamp: new Date(time).toISOString(), component, ...line }
      if (file !== undefined) streams.get(file)?.write(`${JSON.stringify(entry)}\n`)
      if (shown) console.log(format(component, line, time))
    },
    showOnTerminal: () => {
      shown = true
    },
    close: async () => {
      for (const stream of streams.values()) await new Promise<void>((resolve) => stream.end(resolve))
    },
  }
}

/** For programs; people see the line's own time and `milliseconds`. */
const hiddenFields = ['started_at', 'ended_at']

const colours = { info: 'reset', warn: 'yellow', error: 'red' } as const

function format(component: string, { level, message, ...fields }: LogLine, time: number): string {
  const clock = new Date(time).toTimeString().slice(0, 8)
  const milliseconds = String(time % 1000).padStart(3, '0')
  const told = Object.entries(fields)
    .filter(([name, value]) => value !== undefined && !hiddenFields.includes(name))
    .map(([name, value]) => `${name}=${formatValue(value)}`)
  const line = `${clock}.${milliseconds}  ${component.padEnd(12)}  ${[message, ...told].join('  ')}`
  return styleText(colours[level], line, { stream: process.stdout })
}

/** An error is told by its name and message along its causes; the whole is in the file. */
function formatValue(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value) {
    const { name, message, cause } = value as { name?: unknown; message: unknown; cause?: unknown }
    return `"${name ?? 'Error'}: ${message}"${cause === undefined ? '' : ` because ${formatValue(cause)}`}`
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
}

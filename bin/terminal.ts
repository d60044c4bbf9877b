// Asking a person at a terminal: a secret without echo, as bytes, and a typed confirmation. Knows no AWS and no key.
import { Buffer } from 'node:buffer'
import { allocateSecret } from '../shared/secret-bytes.ts'
import { InputError } from './command-line.ts'

/** What is needed of `process.stdin` and `process.stderr`. */
export type Terminal = {
  readonly input: NodeJS.EventEmitter & {
    readonly isTTY?: boolean
    setRawMode?(raw: boolean): unknown
    resume(): unknown
    pause(): unknown
  }
  readonly output: { write(text: string): unknown }
}

export const standardTerminal = (): Terminal => ({ input: process.stdin, output: process.stderr })

/** Bytes that may be typed on one line. */
const longestLine = 1024

/** Control bytes, as a terminal in raw mode sends them. */
const keys = {
  ...{ interrupt: 0x03, end: 0x04, backspace: 0x08, lineFeed: 0x0a, enter: 0x0d, eraseLine: 0x15 },
  ...{ escape: 0x1b, delete: 0x7f },
} as const
const space = 0x20

/**
 * Reads one line without showing it, in raw mode: what is typed is in no buffer of the terminal's driver. Line ends inside
 * of what is pasted at once count as spaces. The terminal is as it was when this ends, however it ends.
 *
 * @returns the bytes, which the caller wipes
 * @throws {InputError} `interrupted` on Ctrl-C, `line_too_long`, `no_terminal`
 */
export async function readHiddenLine(terminal: Terminal, prompt: string): Promise<Uint8Array> {
  const { input, output } = terminal
  if (!input.isTTY || !input.setRawMode) throw new InputError('no_terminal', 'expected a terminal on standard input')
  const line = createHiddenLine()
  input.setRawMode(true)
  output.write(prompt)
  try {
    await readChunks(input, (chunk) => line.take(chunk))
    return line.read()
  } finally {
    line.wipe()
    input.setRawMode(false)
    output.write('\n')
  }
}

/** One line as it is being typed. */
function createHiddenLine() {
  const bytes = allocateSecret(longestLine)
  let length = 0
  /** Where in an escape sequence (ECMA-48: ESC, `[` or `O`, then up to a letter or `~`). */
  let sequence: 'none' | 'begun' | 'inside' = 'none'

  /** Whether the line is finished by this byte. `isLast`: no more have come with it. */
  function takeByte(byte: number, isLast: boolean): boolean {
    if (sequence !== 'none') {
      sequence = sequence === 'begun' && (byte === 0x5b || byte === 0x4f) ? 'inside' : endsSequence(byte)
      return false
    }
    switch (byte) {
      case keys.interrupt:
        throw new InputError('interrupted', 'interrupted: nothing was done')
      case keys.end:
        return true
      case keys.enter:
      case keys.lineFeed:
        if (isLast) return true
        keep(space)
        return false
      case keys.backspace:
      case keys.delete:
        if (length > 0) bytes[--length] = 0
        return false
      case keys.eraseLine:
        bytes.fill(0, 0, length)
        length = 0
        return false
      case keys.escape:
        sequence = 'begun'
        return false
      default:
        keep(byte)
        return false
    }
  }

  const endsSequence = (byte: number) => (sequence === 'inside' && byte < 0x40 ? 'inside' : 'none')

  function keep(byte: number): void {
    if (length === longestLine) throw new InputError('line_too_long', `expected at most ${longestLine} bytes on a line`)
    bytes[length++] = byte
  }

  return {
    take: (chunk: Uint8Array) => chunk.some((byte, at) => takeByte(byte, at === chunk.length - 1)),
    read: () => {
      const result = allocateSecret(length)
      result.set(bytes.subarray(0, length))
      return result
    },
    wipe: () => bytes.fill(0),
  }
}

/** Hands over chunks until one is the last; each is wiped. */
function readChunks(input: Terminal['input'], take: (chunk: Uint8Array) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => {
      input.off('data', onData)
      input.off('end', onEnd)
      input.pause()
      finish()
    }
    const onData = (chunk: Uint8Array) => {
      try {
        if (take(chunk)) end(resolve)
      } catch (error) {
        end(() => reject(error))
      } finally {
        chunk.fill(0)
      }
    }
    const onEnd = () => end(() => reject(new InputError('interrupted', 'the terminal is gone: nothing was done')))
    input.on('data', onData)
    input.on('end', onEnd)
    input.resume()
  })
}

/**
 * Asks for an answer that is shown, and takes only that one.
 *
 * @throws {InputError} `no_terminal` where nobody can be asked, `not_confirmed` for another answer
 */
export async function requireTyped(terminal: Terminal, question: string, expected: string): Promise<void> {
  const { input, output } = terminal
  if (!input.isTTY) throw new InputError('no_terminal', `expected a terminal, to ask: ${question}`)
  output.write(`${question}\nType ${expected} to go on: `)
  let answer = ''
  await readChunks(input, (chunk) => {
    answer += Buffer.from(chunk).toString('utf8')
    return /[\r\n]/.test(answer) || answer.length > longestLine
  })
  if (answer.trim() !== expected) throw new InputError('not_confirmed', 'another answer was given: nothing was done')
}

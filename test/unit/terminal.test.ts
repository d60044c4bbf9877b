// Reading from a terminal: bytes that are not shown, keys that mean something, and a terminal that is as it was.
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { InputError } from '../../bin/command-line.ts'
import { readHiddenLine, requireTyped } from '../../bin/terminal.ts'
import { catchError } from '../support/fakes.ts'

/** A terminal that remembers what was shown and how it was set. */
function createTerminal(isTTY = true) {
  const shown: string[] = []
  const modes: boolean[] = []
  const input = Object.assign(new EventEmitter(), {
    isTTY,
    setRawMode: (raw: boolean) => void modes.push(raw),
    resume: () => undefined,
    pause: () => undefined,
  })
  /** Types; returns the chunks, to see that they were wiped. */
  const type = (...texts: string[]) => {
    const chunks = texts.map((text) => Buffer.from(text, 'latin1'))
    for (const chunk of chunks) input.emit('data', chunk)
    return chunks
  }
  return { terminal: { input, output: { write: (text: string) => void shown.push(text) } }, shown, modes, type, input }
}

async function typeHidden(...texts: string[]) {
  const { terminal, shown, modes, type } = createTerminal()
  const line = readHiddenLine(terminal, '> ')
  line.catch(() => undefined)
  const chunks = type(...texts)
  const result = await line.then(
    (bytes) => Buffer.from(bytes).toString('latin1'),
    (error: InputError) => error.code,
  )
  return { result, shown: shown.join(''), modes, chunks }
}

describe('a hidden line', () => {
  it('is what was typed, shown nowhere, and the terminal is as it was', async () => {
    const { result, shown, modes, chunks } = await typeHidden('z', 'o', 'o', '\r')
    expect(result).toBe('zoo')
    expect(shown).toBe('> \n')
    expect(modes).toEqual([true, false])
    expect(chunks.every((chunk) => chunk.every((byte) => byte === 0))).toBe(true)
  })

  it.each([
    ['backspace erases one', ['zop\x7fo\b\x7foo\r'], 'zoo'],
    ['nothing is left to erase', ['\x7f\x7fzoo\r'], 'zoo'],
    ['Ctrl-U erases all', ['abandon \x15zoo\r'], 'zoo'],
    ['Ctrl-D ends', ['zoo\x04'], 'zoo'],
    ['arrows and other sequences are no text', ['z\x1b[Doo\x1b[3~\x1bOA', '\r'], 'zoo'],
    ['a sequence may come in pieces', ['zo\x1b', '[', '1;5', 'Co\r'], 'zoo'],
    ['line ends inside of what is pasted are spaces', ['zoo zoo\rzoo\nzoo\r'], 'zoo zoo zoo zoo'],
    ['a line feed ends as well', ['zoo\n'], 'zoo'],
    ['Ctrl-C ends everything', ['zoo\x03'], 'interrupted'],
    ['more than a line holds', ['z'.repeat(1025)], 'line_too_long'],
    ['as much as a line holds', [`${'z'.repeat(1024)}\r`], 'z'.repeat(1024)],
  ])('%s', async (_, texts, expected) => {
    const { result, modes } = await typeHidden(...texts)
    expect(result).toBe(expected)
    expect(modes).toEqual([true, false])
  })

  it('ends when the terminal goes away', async () => {
    const { terminal, modes, input } = createTerminal()
    const line = readHiddenLine(terminal, '> ')
    input.emit('end')
    expect(await catchError(() => line)).toMatchObject({ code: 'interrupted' })
    expect(modes).toEqual([true, false])
    expect(input.listenerCount('data') + input.listenerCount('end')).toBe(0)
  })

  it('is not asked for without a terminal', async () => {
    const { terminal, modes } = createTerminal(false)
    expect(await catchError(() => readHiddenLine(terminal, '> '))).toMatchObject({ code: 'no_terminal' })
    expect(modes).toEqual([])
  })
})

describe('a typed confirmation', () => {
  async function confirm(isTTY: boolean, ...texts: string[]) {
    const { terminal, type, shown } = createTerminal(isTTY)
    const asked = requireTyped(terminal, 'Sure?', 'prod')
    asked.catch(() => undefined)
    type(...texts)
    const outcome = await asked.then(
      () => 'confirmed',
      (error: InputError) => error.code,
    )
    return { outcome, shown: shown.join('') }
  }

  it.each([
    ['the word', ['prod\n'], 'confirmed'],
    ['the word in pieces, with spaces', [' pr', 'od \r\n'], 'confirmed'],
    ['yes', ['yes\n'], 'not_confirmed'],
    ['nothing', ['\n'], 'not_confirmed'],
    ['more than the word', ['prod2\n'], 'not_confirmed'],
  ])('%s', async (_, texts, expected) => {
    const { outcome, shown } = await confirm(true, ...texts)
    expect(outcome).toBe(expected)
    expect(shown).toBe('Sure?\nType prod to go on: ')
  })

  it('is never taken without a terminal', async () => {
    expect(await confirm(false, 'prod\n')).toEqual({ outcome: 'no_terminal', shown: '' })
  })
})

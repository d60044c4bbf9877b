// Lines of bytes in any chunks, and flags: what the commands share.
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeError, describeValue, InputError, readFlags, readLines } from '../../bin/command-line.ts'
import { KeyError } from '../../functions/wallet/bip32.ts'

async function read(chunks: readonly Uint8Array[], longest?: number) {
  const lines: { text: string; isTooLong: boolean }[] = []
  for await (const { bytes, isTooLong } of readLines(Readable.from(chunks), longest)) {
    lines.push({ text: Buffer.from(bytes).toString('latin1'), isTooLong })
  }
  return lines
}

/** The same of the whole, at once. */
function readWhole(bytes: Uint8Array, longest: number) {
  const lines = Buffer.from(bytes).toString('latin1').split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line) => {
    // What is longer by more than a CR is cut before its end is seen.
    const text = line.length <= longest + 1 ? line.replace(/\r$/, '') : line
    return { text: text.slice(0, longest), isTooLong: text.length > longest }
  })
}

describe('lines', () => {
  it('are the same however the bytes arrive', async () => {
    const bytes = fc
      .array(fc.constantFrom(0x0a, 0x0d, 0x00, 0x41, 0xff), { maxLength: 80 })
      .map((list) => Uint8Array.from(list))
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(fc.nat(80)), fc.integer({ min: 1, max: 12 }), async (whole, cuts, longest) => {
        const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).toSorted((a, b) => a - b), whole.length]
        const chunks = places.slice(1).map((end, at) => whole.slice(places[at], end))
        const expected = readWhole(whole, longest)
        expect(await read(chunks, longest)).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('may be as long as is allowed, with either end, and not longer', async () => {
    const line = (length: number, end: string) => Buffer.from(`${'a'.repeat(length)}${end}`)
    for (const end of ['\n', '\r\n', '']) {
      expect(await read([line(10, end)], 10)).toEqual([{ text: 'a'.repeat(10), isTooLong: false }])
      expect(await read([line(11, end)], 10)).toEqual([{ text: 'a'.repeat(10), isTooLong: true }])
    }
    const default_ = await read([line(1024 * 1024, '\n'), line(1024 * 1024 + 1, '\n')])
    expect(default_.map(({ isTooLong }) => isTooLong)).toEqual([false, true])
  })

  it('begin after a byte order mark, which is none later on', async () => {
    const mark = '\xef\xbb\xbf'
    const bytes = Buffer.from(`${mark}a\n${mark}b\n`, 'latin1')
    expect((await read([bytes])).map(({ text }) => text)).toEqual(['a', `${mark}b`])
  })

  it('are wiped where they were read', async () => {
    const chunks = [Buffer.from('abandon\nabou'), Buffer.from('t\nzoo')]
    await read(chunks)
    expect(chunks.map((chunk) => chunk.toString('hex'))).toEqual(['00'.repeat(12), '00'.repeat(5)])
    const abandoned = Buffer.from('abandon\nabout\n')
    for await (const _ of readLines(Readable.from([abandoned]))) break
    expect(abandoned.toString('hex')).toBe('00'.repeat(14))
  })
})

describe('flags', () => {
  const known = { account: 'string', help: 'boolean' } as const

  it('are read by name', () => {
    expect(readFlags(['--account', '-1', '--help'], known)).toEqual({ account: '-1', help: true })
    expect(readFlags(['--account=1'], known)).toEqual({ account: '1' })
    expect(readFlags([], known)).toEqual({})
  })

  it.each([
    [['--other'], 'expected a flag of this command; got "other"'],
    [['--constructor'], 'expected a flag of this command; got "constructor"'],
    [['--zoo-zoo-zoo-zoo-zoo'], 'expected a flag of this command; got 19 characters'],
    [['--account'], 'expected a value after --account'],
    [['--help=yes'], 'expected no value for --help'],
    [['--help', '--help'], 'expected --help once; got it twice'],
    [['zoo'], 'expected flags only: secrets go to standard input, never into an argument'],
    [['--', '--help'], 'expected flags only: secrets go to standard input, never into an argument'],
  ])('%j are refused', (given, message) => {
    expect(() => readFlags(given, known)).toThrow(
      expect.objectContaining({ code: 'invalid_arguments', message: `${message}; --help lists the flags` }),
    )
  })
})

describe('what was got', () => {
  it.each([
    [undefined, 'none'],
    [null, 'null'],
    [1.5, '1.5'],
    [true, 'a boolean'],
    [[], 'a list'],
    [{}, 'a object'],
    ['p2sh-p2wpkh', '"p2sh-p2wpkh"'],
    ['', '0 characters'],
    ['two words', '9 characters'],
    ['0'.repeat(17), '17 characters'],
  ])('%j is told as %s', (value, text) => {
    expect(describeValue(value)).toBe(text)
  })
})

describe('an error as a line', () => {
  it.each([
    [new InputError('invalid_path', 'why'), { code: 'invalid_path', message: 'why' }],
    [new KeyError('invalid_child', 'why'), { code: 'invalid_child', message: 'why' }],
    [
      new TypeError('a secret'),
      { code: 'internal', message: 'a fault of this program, not of what it was given: TypeError' },
    ],
    ['a secret', { code: 'internal', message: 'a fault of this program, not of what it was given: string' }],
  ])('%s', (error, expected) => {
    expect(JSON.parse(describeError(error))).toEqual({ error: expected })
  })
})

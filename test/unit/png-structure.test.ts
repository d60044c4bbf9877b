// The chunks of a PNG: what may stand in them and in which order, told apart from what only a strict reader would mind.
import { readFile } from 'node:fs/promises'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readPngStructure } from '../../functions/inspect/png-structure.ts'
import {
  insertBeforeEnd,
  insertBehindHeader,
  makeChunk,
  makePngHeader,
  pngSignature,
} from '../fixtures/documents/png-writer.ts'

const card = await readFile(new URL('../fixtures/card.png', import.meta.url))
const readCodes = (bytes: Uint8Array) => readPngStructure(bytes).findings.map(({ code }) => code)

const end = makeChunk('IEND', Buffer.alloc(0))
const text = makeChunk('tEXt', Buffer.from('a\0b'))
const palette = makeChunk('PLTE', Buffer.alloc(6))
const rows = deflateSync(Buffer.alloc(20))
const data = makeChunk('IDAT', rows)
const header = (depth: number, colourType: number) => makePngHeader(4, 4, depth, colourType)
const make = (...chunks: readonly Buffer[]) => Buffer.concat([pngSignature, ...chunks])
/** A header with one field of 13 bytes set otherwise (11.2.1). */
function headerWith(at: number, value: number): Buffer {
  const fields = Buffer.from([0, 0, 0, 4, 0, 0, 0, 4, 8, 0, 0, 0, 0])
  fields[at] = value
  return makeChunk('IHDR', fields)
}
const animate = (frames: number) => makeChunk('acTL', Buffer.from([0, 0, 0, frames, 0, 0, 0, 0]))

describe('a good PNG', () => {
  it.each<[string, Buffer]>([
    ['grey', make(header(8, 0), data, end)],
    ['of 16 bits', make(header(16, 2), data, end)],
    ['with a palette', make(header(4, 3), palette, data, end)],
    ['with a suggested palette', make(header(8, 6), palette, data, end)],
    [
      'of several data chunks',
      make(header(8, 0), makeChunk('IDAT', rows.subarray(0, 3)), makeChunk('IDAT', rows.subarray(3)), end),
    ],
    [
      'with texts, times and Exif behind its data',
      make(header(8, 0), data, text, makeChunk('tIME', Buffer.alloc(7)), makeChunk('eXIf', Buffer.alloc(9)), end),
    ],
    [
      "with a phone's and a manifest's chunks",
      make(header(8, 0), makeChunk('iDOT', Buffer.alloc(28)), makeChunk('caBX', Buffer.alloc(99)), data, end),
    ],
    [
      'with a colour chunk in the wrong place',
      make(header(4, 3), palette, makeChunk('gAMA', Buffer.alloc(4)), data, end),
    ],
  ])('%s', (_name, bytes) => {
    expect(readPngStructure(bytes)).toEqual({ findings: [], width: 4, height: 4, isAnimated: false, end: bytes.length })
  })

  it('ends where its picture ends, whatever follows', () => {
    expect(readPngStructure(Buffer.concat([card, Buffer.from('anything')]))).toMatchObject({
      findings: [],
      end: card.length,
    })
  })

  it('is animated when it has more than one frame', () => {
    const isAnimated = (bytes: Buffer) => readPngStructure(bytes).isAnimated
    expect([0, 1, 2].map((frames) => isAnimated(insertBehindHeader(card, [animate(frames)])))).toEqual([
      false,
      false,
      true,
    ])
    expect(isAnimated(insertBeforeEnd(card, [animate(2)]))).toBe(false)
  })
})

describe('a PNG that is none', () => {
  it.each<[string, Buffer]>([
    ['without a header', make(data, end)],
    ['with a chunk before its header', make(text, header(8, 0), data, end)],
    ['with two headers', make(header(8, 0), header(8, 0), data, end)],
    ['without data', make(header(8, 0), end)],
    ['with a chunk between its data', make(header(8, 0), data, text, data, end)],
    ['without the palette that it needs', make(header(8, 3), data, end)],
    ['with a palette behind its data', make(header(8, 2), data, palette, end)],
    ['with two palettes', make(header(8, 3), palette, palette, data, end)],
    ['with a palette of broken entries', make(header(8, 3), makeChunk('PLTE', Buffer.alloc(7)), data, end)],
    ['with a palette of too many entries', make(header(8, 3), makeChunk('PLTE', Buffer.alloc(771)), data, end)],
    ['grey with a palette', make(header(8, 0), palette, data, end)],
    ['with a chunk that must be understood', make(header(8, 0), makeChunk('ABCD', Buffer.alloc(1)), data, end)],
    ["in Apple's own form", make(makeChunk('CgBI', Buffer.alloc(4)), header(8, 0), data, end)],
    ['with an end that holds something', make(header(8, 0), data, makeChunk('IEND', Buffer.alloc(1)))],
    ['with a type that is none', make(header(8, 0), makeChunk('te t', Buffer.alloc(1)), data, end)],
    ['of width 0', make(headerWith(3, 0), data, end)],
    ['of height 0', make(headerWith(7, 0), data, end)],
    ['of too great a width', make(headerWith(0, 128), data, end)],
    ['of 3 bits', make(headerWith(8, 3), data, end)],
    ['of colour type 5', make(headerWith(9, 5), data, end)],
    ['of another compression', make(headerWith(10, 1), data, end)],
    ['of another filter', make(headerWith(11, 1), data, end)],
    ['of another interlace', make(headerWith(12, 2), data, end)],
    ['with a header of another length', make(makeChunk('IHDR', Buffer.alloc(14, 1)), data, end)],
    ['with line ends that a transfer changed', Buffer.from(card.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')],
  ])('%s', (_name, bytes) => {
    expect(readCodes(bytes)).toEqual(['undecodable_image'])
  })

  it('with a wrong sum of any chunk', () => {
    const bytes = make(header(8, 2), text, palette, data, text, end)
    const sums: number[] = []
    for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) sums.push(at + 8 + bytes.readUInt32BE(at))
    expect(sums).toHaveLength(6)
    for (const at of sums) {
      const wrong = Buffer.from(bytes)
      wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at)
      expect(readCodes(wrong)).toEqual(['undecodable_image'])
    }
  })

  it('cut anywhere behind its signature', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: card.length - 1 }), (length) => {
        expect(readCodes(card.subarray(0, length))).toEqual(['truncated'])
      }),
    )
  })
})

describe('whatever the bytes', () => {
  it('it answers', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 8, 33, 60), fc.uint8Array({ maxLength: 300 }), (length, bytes) => {
        const structure = readPngStructure(Buffer.concat([card.subarray(0, length), bytes]))
        expect(structure.findings).toHaveLength(1)
      }),
      { numRuns: 500 },
    )
  })
})

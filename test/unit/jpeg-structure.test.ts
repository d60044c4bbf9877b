// JPEGs as cameras and phones write them have no finding; what a decoder would fill with grey is found, to the last block.
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { cutToPicture, readJpegStructure } from '../../functions/inspect/jpeg-structure.ts'
import { goodJpegs } from '../fixtures/documents/good-jpeg.ts'
import { makeSegment } from '../fixtures/documents/jpeg-encoder.ts'
import { insertSegments } from '../fixtures/documents/jpeg-segments.ts'
import { addSamsungTrailer } from '../fixtures/documents/phone-trailers.ts'
import { seedRandom } from '../fixtures/documents/random.ts'

const endMarker = Buffer.from([0xff, 0xd9])
const file = await readFile(new URL('../fixtures/photo.jpg', import.meta.url))
const small = () => sharp(file).resize(200)
const baseline = await small().jpeg().toBuffer()
const progressive = await small().jpeg({ progressive: true }).toBuffer()
const greyProgressive = await small().greyscale().jpeg({ progressive: true }).toBuffer()
const grey = await small().greyscale().jpeg().toBuffer()
const fullColour = await small().jpeg({ chromaSubsampling: '4:4:4', optimiseCoding: false }).toBuffer()
const cmyk = await small().toColourspace('cmyk').jpeg().toBuffer()

const readCodes = (bytes: Uint8Array) => readJpegStructure(bytes).findings.map(({ code }) => code)
const findMarker = (bytes: Buffer, marker: number, from = 0) => bytes.indexOf(Buffer.from([0xff, marker]), from)
/** Where the entropy-coded data of the first scan begins. */
function findScanData(bytes: Buffer): number {
  const scan = findMarker(bytes, 0xda)
  return scan + 2 + bytes.readUInt16BE(scan + 2)
}
function change(bytes: Buffer, edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  edit(copy)
  return copy
}
const insert = (bytes: Buffer, at: number, part: Buffer) =>
  Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)])

describe('a good JPEG', () => {
  it.each([
    ['baseline', baseline],
    ['progressive', progressive],
    ['grey', grey],
    ['grey and progressive', greyProgressive],
    ['of all colours, with the typical tables', fullColour],
    ['in CMYK', cmyk],
  ])('%s has no finding, its size, and ends with its end marker', (_name, bytes) => {
    const { width, height } = { width: 200, height: readJpegStructure(bytes).height }
    expect(readJpegStructure(bytes)).toEqual({ findings: [], width, height, end: bytes.length, hasEndMarker: true })
    expect(height).toBeGreaterThan(100)
  })

  it('with restart markers, in their order', async () => {
    const sample = goodJpegs.find(({ name }) => name === 'baseline-422-restart.jpg')
    const bytes = Buffer.from((await sample?.make(seedRandom('restart'))) ?? [])
    expect(readCodes(bytes)).toEqual([])
    const first = findMarker(bytes, 0xd0, findScanData(bytes))
    expect(readCodes(change(bytes, (copy) => copy.writeUInt8(0xd3, first + 1)))).toEqual(['undecodable_image'])
  })

  it('without tables of its own is read with the typical ones', async () => {
    const parts: Buffer[] = []
    let from = 0
    for (let at = findMarker(fullColour, 0xc4); at !== -1; at = findMarker(fullColour, 0xc4, from)) {
      parts.push(fullColour.subarray(from, at))
      from = at + 2 + fullColour.readUInt16BE(at + 2)
      if (findMarker(fullColour, 0xc4, from) > findMarker(fullColour, 0xda, from)) break
    }
    const bare = Buffer.concat([...parts, fullColour.subarray(from)])
    expect(bare.length).toBeLessThan(fullColour.length - 400)
    expect(readCodes(bare)).toEqual([])
    expect((await sharp(bare).raw().toBuffer()).equals(await sharp(fullColour).raw().toBuffer())).toBe(true)
  })

  it('with fill bytes before a marker, and bytes between segments', () => {
    const table = findMarker(baseline, 0xdb)
    expect(readCodes(insert(baseline, table, Buffer.from('ffffff', 'hex')))).toEqual([])
    expect(readCodes(insert(baseline, table, Buffer.from('0000', 'hex')))).toEqual([])
    expect(readCodes(insert(baseline, baseline.length - 2, Buffer.from('ffff', 'hex')))).toEqual([])
  })

  it('with what careless encoders leave behind the last block', () => {
    expect(readCodes(insert(baseline, baseline.length - 2, Buffer.from('dece0b0e', 'hex')))).toEqual([])
    expect(readCodes(insert(baseline, baseline.length - 2, Buffer.alloc(512)))).toEqual([])
  })

  it('ends where its picture ends, whatever follows', () => {
    const trailer = Buffer.from('any bytes, \xff\xd8\xff\xd9 and more', 'latin1')
    expect(readJpegStructure(Buffer.concat([baseline, trailer])).end).toBe(baseline.length)
  })

  it.each([
    ['baseline', baseline],
    ['progressive', progressive],
  ])('%s without an end marker is whole, with and without a trailer, and gets one to be decoded', (_name, bytes) => {
    const open = bytes.subarray(0, -2)
    const trailer = addSamsungTrailer(bytes, seedRandom('trailer'), { film: true }).subarray(bytes.length)
    for (const unended of [open, Buffer.concat([open, trailer])]) {
      const structure = readJpegStructure(unended)
      expect(structure).toMatchObject({ findings: [], end: open.length, hasEndMarker: false })
      expect(Buffer.from(cutToPicture(unended, structure)).equals(bytes)).toBe(true)
    }
  })
})

describe('a JPEG of which data is missing', () => {
  it.each([
    ['baseline', baseline],
    ['progressive', progressive],
    ['grey', grey],
  ])('%s, cut anywhere and ended by a forged end marker, is not whole', (_name, bytes) => {
    const found = new Set<string>()
    for (let length = findScanData(bytes); length < bytes.length - 2; length++) {
      const cut = bytes.subarray(0, length)
      found.add(`cut: ${readCodes(cut)}`).add(`ended: ${readCodes(Buffer.concat([cut, endMarker]))}`)
    }
    // Behind a table between two scans that was cut the marker reads as part of it.
    const betweenScans = bytes === progressive ? ['ended: undecodable_image'] : []
    expect([...found].toSorted()).toEqual(['cut: truncated', 'ended: truncated', ...betweenScans])
  })

  it('a progressive one of which only the first scans came is not whole', () => {
    let scans = 0
    for (let at = findMarker(progressive, 0xda); at !== -1; at = findMarker(progressive, 0xda, at + 2)) {
      if (scans++ > 0) {
        expect(readCodes(Buffer.concat([progressive.subarray(0, at), endMarker]))).toEqual(['truncated'])
      }
    }
    expect(scans).toBeGreaterThan(5)
  })

  it('one that has no restart where its restart interval ends is not whole', () => {
    const interval = makeSegment(0xdd, Buffer.from([0, 4]))
    expect(readCodes(insertSegments(baseline, [interval]))).toEqual(['truncated'])
  })

  it('one that says it is higher than its data is not whole', () => {
    const frame = findMarker(baseline, 0xc0)
    // Marker (2), length (2), precision (1), height (2).
    const higher = change(baseline, (copy) => copy.writeUInt16BE(copy.readUInt16BE(frame + 5) + 16, frame + 5))
    expect(readCodes(higher)).toEqual(['truncated'])
  })
})

describe('a JPEG that no decoder shows, or not as it was', () => {
  const [frame, scan] = [findMarker(baseline, 0xc0), findMarker(baseline, 0xda)]
  it.each<[string, () => Buffer]>([
    ['without a frame', () => Buffer.concat([baseline.subarray(0, frame), endMarker])],
    ['of height 0', () => change(baseline, (copy) => copy.writeUInt16BE(0, frame + 5))],
    ['of 12 bits', () => change(baseline, (copy) => copy.writeUInt8(12, frame + 4))],
    ['hierarchical', () => change(baseline, (copy) => copy.writeUInt8(0xc5, frame + 1))],
    ['with two frames', () => insert(baseline, frame, baseline.subarray(frame, frame + 19))],
    ['with a second start', () => insert(baseline, frame, Buffer.from('ffd8', 'hex'))],
    ['with a length that is none', () => insert(baseline, frame, Buffer.from('ffe50001', 'hex'))],
    [
      'with more codes than fit in',
      () => {
        // Marker (2), length (2), class and number (1), then 16 counts.
        const counts = findMarker(baseline, 0xc4) + 5
        return change(baseline, (copy) => copy.fill(9, counts, counts + 16))
      },
    ],
    [
      'with more codes of one bit than there are',
      () => {
        const counts = findMarker(baseline, 0xc4) + 5
        const count = baseline.subarray(counts, counts + 16).reduce((sum, value) => sum + value, 0)
        return change(baseline, (copy) => copy.fill(0, counts, counts + 16).writeUInt8(count, counts))
      },
    ],
    ['with half a restart interval', () => insertSegments(baseline, [makeSegment(0xdd, Buffer.of(0))])],
    // Marker (2), length (2), precision (1), height (2), width (2), count (1), id (1), sampling (1).
    ['with a component without pixels', () => change(baseline, (copy) => copy.writeUInt8(0, frame + 11))],
    ['with an empty header of its scan', () => change(baseline, (copy) => copy.writeUInt16BE(2, scan + 2))],
    ['with a scan of nothing', () => change(baseline, (copy) => copy.writeUInt8(0, scan + 4))],
    ['with a scan of a component that is not there', () => change(baseline, (copy) => copy.writeUInt8(99, scan + 5))],
    [
      'with a band of several components',
      () => {
        const first = findMarker(progressive, 0xda) + 4
        return change(progressive, (copy) => copy.writeUInt8(1, first + 1 + 2 * copy.readUInt8(first)))
      },
    ],
    ['that repeats a scan a hundred times', () => repeatScans(101)],
    [
      'with bytes of something else behind its last block',
      () => insert(baseline, baseline.length - 2, file.subarray(999, 1200)),
    ],
    [
      'with a marker in the middle of its scan',
      () => insert(baseline, findScanData(baseline) + 500, Buffer.from('ff37', 'hex')),
    ],
    [
      'with a lost sector',
      () => {
        const at = findScanData(file) + 4096
        return change(file, (copy) => copy.fill(0, at, at + 4096))
      },
    ],
  ])('%s', (_name, make) => {
    expect(readCodes(make())).toEqual(['undecodable_image'])
  })

  function repeatScans(times: number): Buffer {
    const scan = baseline.subarray(findMarker(baseline, 0xda), baseline.length - 2)
    return Buffer.concat([baseline.subarray(0, -2), ...Array.from({ length: times }, () => scan), endMarker])
  }
})

describe('whatever the bytes', () => {
  it('it answers', () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 12 })
    fc.assert(
      fc.property(fc.constantFrom(baseline, progressive, grey, cmyk), edits, fc.nat(), (bytes, changes, length) => {
        const damaged = change(bytes, (copy) => {
          for (const [at, value] of changes) copy[at % copy.length] = value
        }).subarray(0, length % 3 === 0 ? length % bytes.length : bytes.length)
        const structure = readJpegStructure(damaged)
        expect(structure.end).toBeLessThanOrEqual(damaged.length)
        expect(structure.findings.length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 300 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(readCodes(bytes)).toHaveLength(1)
        expect(readCodes(Buffer.concat([baseline.subarray(0, findScanData(baseline)), bytes]))).toHaveLength(1)
      }),
    )
  })
})

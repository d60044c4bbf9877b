// A font that has a square for each letter. PDFium leaves out of a page's text what it has no strokes for; with this font it tells all.

/** The tables that FreeType asks for (OpenType 1.9, "Required tables"). Glyph 0 is empty, glyph 1 the square. */
export function makeAnyLetterFont(): Buffer {
  const unitsPerEm = 1000
  const square = Buffer.concat([
    // A contour, its box, its last point, no instructions.
    shorts(1, 0, 0, unitsPerEm, unitsPerEm, 3, 0),
    // Four points on the curve, each given by what lies between it and the one before.
    Buffer.of(1, 1, 1, 1),
    shorts(0, 0, unitsPerEm, 0),
    shorts(0, unitsPerEm, 0, -unitsPerEm),
  ])
  const tables: Readonly<Record<string, Buffer>> = {
    cmap: makeCharacterMap(),
    glyf: square,
    head: Buffer.concat([
      words(0x10000, 0x10000, 0, 0x5f0f3cf5),
      shorts(0, unitsPerEm),
      Buffer.alloc(16),
      shorts(0, 0, unitsPerEm, unitsPerEm, 0, 8, 2, 1, 0),
    ]),
    hhea: Buffer.concat([
      words(0x10000),
      shorts(unitsPerEm, 0, 0, unitsPerEm, 0, 0, unitsPerEm),
      Buffer.alloc(16),
      shorts(2),
    ]),
    hmtx: shorts(unitsPerEm, 0, unitsPerEm, 0),
    loca: words(0, 0, square.length),
    maxp: Buffer.concat([words(0x10000), shorts(2, 4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)]),
  }
  const names = Object.keys(tables)
  let offset = 12 + 16 * names.length
  const directory = Object.entries(tables).map(([name, table]) => {
    const entry = Buffer.concat([Buffer.from(name), words(0, offset, table.length)])
    offset += table.length + padding(table)
    return entry
  })
  const head = Buffer.concat([words(0x10000), shorts(names.length, 64, 2, 16 * names.length - 64)])
  const padded = Object.values(tables).map((table) => Buffer.concat([table, Buffer.alloc(padding(table))]))
  return Buffer.concat([head, ...directory, ...padded])
}

/** Glyph 1 for each code of Unicode: a table of format 13 for Windows, under both numbers that it is looked for by. */
function makeCharacterMap(): Buffer {
  const start = 20
  const records = [shorts(0, 2), shorts(3, 1), words(start), shorts(3, 10), words(start)]
  return Buffer.concat([...records, shorts(13, 0), words(28, 0, 1, 0, 0x10ffff, 1)])
}

const padding = (table: Buffer) => (4 - (table.length % 4)) % 4

function shorts(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value & 0xffff, 2 * index)
  return bytes
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index)
  return bytes
}

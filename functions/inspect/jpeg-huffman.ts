// Huffman tables of a JPEG (ITU-T T.81, annex C), made for passing over codes: a look-up says how many bits a code and what
// follows it take, and what they mean. No coefficient is ever computed.

/** Codes up to this length are found in one step: in photographs, nearly all. */
const directBits = 9

/**
 * `steps[window >> 7]`: what a code of at most 9 bits at the head of a window of 16 means, 0 when the code is longer or none;
 * then `findStep` tells. A step: the bits of the code and of the value behind it (0 to 31), and above them the symbol, << 8.
 */
export type HuffmanTable = {
  readonly steps: Uint16Array
  /** The first code behind those of each length 1 to 16, and where its symbol would stand. */
  readonly limits: Int32Array
  readonly offsets: Int32Array
  readonly symbols: Uint8Array
}

/**
 * @param counts - how many codes there are of each length 1 to 16
 * @param symbols - in the order of their codes. The low four bits of a symbol are the size of the value behind its code.
 * @returns nothing when there are more codes than fit in
 */
export function buildHuffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable | undefined {
  const steps = new Uint16Array(1 << directBits)
  const limits = new Int32Array(17)
  const offsets = new Int32Array(17)
  let code = 0
  let place = 0
  for (let length = 1; length <= 16; length++) {
    offsets[length] = place - code
    for (let left = counts[length - 1] as number; left > 0; left--, code++, place++) {
      if (code >> length !== 0) return undefined
      if (length > directBits) continue
      const start = code << (directBits - length)
      steps.fill(makeStep(length, symbols[place] as number), start, start + (1 << (directBits - length)))
    }
    limits[length] = code
    code <<= 1
  }
  return { steps, limits, offsets, symbols }
}

const makeStep = (length: number, symbol: number) => (symbol << 8) | (length + (symbol & 15))

/** @returns the step of a code of more than 9 bits, 0 when no code is there */
export function findStep(table: HuffmanTable, window: number): number {
  for (let length = directBits + 1; length <= 16; length++) {
    const code = window >> (16 - length)
    if (code < (table.limits[length] as number)) {
      const symbol = table.symbols[code + (table.offsets[length] as number)]
      return symbol === undefined ? 0 : makeStep(length, symbol)
    }
  }
  return 0
}

const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'))

function buildTypicalTable(counts: string, symbols: string): HuffmanTable {
  const table = buildHuffmanTable(fromHex(counts), fromHex(symbols))
  if (!table) throw new Error('Expected the typical Huffman tables to be well formed')
  return table
}

/** The typical tables (annex K.3), which decoders take where a file names none: single frames of web cameras do. */
export const typicalTables = {
  direct: [
    buildTypicalTable('00010501010101010100000000000000', '000102030405060708090a0b'),
    buildTypicalTable('00030101010101010101010000000000', '000102030405060708090a0b'),
  ],
  alternating: [
    buildTypicalTable(
      '0002010303020403050504040000017d',
      `01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a
       434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9
       aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa`,
    ),
    buildTypicalTable(
      '00020102040403040705040400010277',
      `000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536373839
       3a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7
       a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa`,
    ),
  ],
} as const

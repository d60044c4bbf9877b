// The values that a PDF is written in (ISO 32000-2, 7.3), read as the most lenient viewer would: what cannot be read ends
// there, and never throws but for a document that is more than anybody would write.

export type PdfName = { readonly name: string }
/** A string's bytes, each one character. */
export type PdfText = { readonly text: string }
export type PdfReference = { readonly object: number }
export type PdfDictionary = ReadonlyMap<string, PdfValue>
export type PdfValue = null | boolean | number | PdfName | PdfText | PdfReference | readonly PdfValue[] | PdfDictionary

/** The document has more in it, or deeper, than is looked at. */
export class TooComplex extends Error {}

/** How many more values may be read of one document. */
export type Budget = { values: number }

/** What writers make is some 10 deep; PDFium reads 64. */
const maximumDepth = 100

/** A character that separates: 1 white space, 2 delimiter; 0 regular (7.2.3). */
const classes = new Uint8Array(256)
for (const space of [0, 9, 10, 12, 13, 32]) classes[space] = 1
for (const delimiter of '()<>[]{}/%') classes[delimiter.charCodeAt(0)] = 2

export const isSpace = (byte: number | undefined): boolean => byte !== undefined && classes[byte] === 1

/** A place in bytes, which reading moves on. */
export type Cursor = { readonly bytes: Buffer; at: number }

export function skipSpace(cursor: Cursor): void {
  const { bytes } = cursor
  while (cursor.at < bytes.length) {
    const byte = bytes[cursor.at] as number
    if (byte === 0x25) {
      while (cursor.at < bytes.length && bytes[cursor.at] !== 10 && bytes[cursor.at] !== 13) cursor.at++
    } else if (classes[byte] === 1) {
      cursor.at++
    } else {
      return
    }
  }
}

function readRegular(cursor: Cursor): string {
  const start = cursor.at
  while (cursor.at < cursor.bytes.length && classes[cursor.bytes[cursor.at] as number] === 0) cursor.at++
  return cursor.bytes.toString('latin1', start, cursor.at)
}

/** @returns undefined where no value begins: a keyword, a delimiter that closes, the end */
export function readValue(cursor: Cursor, budget: Budget, depth = 0): PdfValue | undefined {
  if (depth > maximumDepth) throw new TooComplex(`expected values at most ${maximumDepth} deep`)
  if (--budget.values < 0) throw new TooComplex('expected fewer values')
  skipSpace(cursor)
  switch (cursor.bytes[cursor.at]) {
    case 0x2f: // '/'
      cursor.at++
      return {
        name: readRegular(cursor).replace(/#([0-9a-f]{2})/gi, (_, hex) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        ),
      }
    case 0x28: // '('
      return readLiteralText(cursor)
    case 0x5b: // '['
      cursor.at++
      return readArray(cursor, budget, depth)
    case 0x3c: // '<'
      if (cursor.bytes[cursor.at + 1] !== 0x3c) return readHexText(cursor)
      cursor.at += 2
      return readDictionary(cursor, budget, depth)
    default:
      return readNumberOrKeyword(cursor)
  }
}

function readNumberOrKeyword(cursor: Cursor): PdfValue | undefined {
  const start = cursor.at
  const word = readRegular(cursor)
  if (/^[+-]*\d*\.?\d*(-\d*)?$/.test(word) && /\d/.test(word)) {
    const reference = /^\d+$/.test(word) && readRestOfReference(cursor)
    return reference ? { object: Number(word) } : Number.parseFloat(word.replace(/^[+-]*(?=[+-])/, '')) || 0
  }
  if (word === 'true' || word === 'false') return word === 'true'
  if (word === 'null') return null
  cursor.at = start
  return undefined
}

/** A generation and `R`. */
function readRestOfReference(cursor: Cursor): boolean {
  const start = cursor.at
  skipSpace(cursor)
  if (/^\d+$/.test(readRegular(cursor))) {
    skipSpace(cursor)
    if (readRegular(cursor) === 'R') return true
  }
  cursor.at = start
  return false
}

function readArray(cursor: Cursor, budget: Budget, depth: number): PdfValue[] {
  const values: PdfValue[] = []
  while (true) {
    const value = readValue(cursor, budget, depth + 1)
    if (value !== undefined) {
      values.push(value)
    } else if (cursor.bytes[cursor.at] === 0x5d) {
      cursor.at++
      return values
    } else if (!skipUnknown(cursor)) {
      return values
    }
  }
}

function readDictionary(cursor: Cursor, budget: Budget, depth: number): PdfDictionary {
  const entries = new Map<string, PdfValue>()
  const replaced: PdfValue[] = []
  while (true) {
    const key = readValue(cursor, budget, depth + 1)
    if (key === undefined) {
      if (cursor.bytes[cursor.at] === 0x3e) {
        cursor.at += cursor.bytes[cursor.at + 1] === 0x3e ? 2 : 1
        return entries
      }
      if (!skipUnknown(cursor)) return entries
    } else if (isName(key)) {
      const value = readValue(cursor, budget, depth + 1)
      const earlier = entries.get(key.name)
      // Viewers differ in which of the values of one name counts: all stay, under a name that nobody writes.
      if (earlier !== undefined && replaced.push(earlier) === 1) entries.set('\0', replaced)
      if (value !== undefined) entries.set(key.name, value)
    }
  }
}

/** Past a word that is no value. False: it ends the object, or the bytes, or opens what nothing closed. */
function skipUnknown(cursor: Cursor): boolean {
  const start = cursor.at
  const word = readRegular(cursor)
  if (/^(endobj|obj|stream|endstream|xref|trailer|startxref)/.test(word)) {
    cursor.at = start
    return false
  }
  if (word !== '') return true
  // A stray delimiter, `)` or a brace.
  const stray = cursor.bytes[cursor.at]
  if (stray === 0x29 || stray === 0x7b || stray === 0x7d) {
    cursor.at++
    return true
  }
  return false
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

function readLiteralText(cursor: Cursor): PdfText {
  const { bytes } = cursor
  const start = cursor.at + 1
  let open = 1
  let at = start
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === 0x5c) at++
    else if (byte === 0x28) open++
    else if (byte === 0x29 && --open === 0) break
    at++
  }
  cursor.at = Math.min(at + 1, bytes.length)
  const text = bytes.toString('latin1', start, Math.min(at, bytes.length))
  return {
    text: text.replace(/\\(\r\n|[0-7]{1,3}|[\s\S])/g, (_, escaped: string) => {
      if (/^[0-7]/.test(escaped)) return String.fromCharCode(Number.parseInt(escaped, 8) & 0xff)
      if (escaped === '\n' || escaped === '\r' || escaped === '\r\n') return ''
      return escapes[escaped] ?? escaped
    }),
  }
}

function readHexText(cursor: Cursor): PdfText {
  const end = cursor.bytes.indexOf(0x3e, cursor.at)
  const stop = end < 0 ? cursor.bytes.length : end
  const digits = cursor.bytes.toString('latin1', cursor.at + 1, stop).replace(/[^0-9a-f]/gi, '')
  cursor.at = Math.min(stop + 1, cursor.bytes.length)
  return { text: Buffer.from(digits.length % 2 === 0 ? digits : `${digits}0`, 'hex').toString('latin1') }
}

export const isName = (value: PdfValue | undefined): value is PdfName =>
  typeof value === 'object' && value !== null && 'name' in value
export const isText = (value: PdfValue | undefined): value is PdfText =>
  typeof value === 'object' && value !== null && 'text' in value
export const isReference = (value: PdfValue | undefined): value is PdfReference =>
  typeof value === 'object' && value !== null && 'object' in value
export const isDictionary = (value: PdfValue | undefined): value is PdfDictionary => value instanceof Map

/** Every dictionary in a value; what it refers to is an object of its own. */
export function visitDictionaries(value: PdfValue, visit: (dictionary: PdfDictionary) => void): void {
  if (isDictionary(value)) {
    visit(value)
    for (const entry of value.values()) visitDictionaries(entry, visit)
  } else if (Array.isArray(value)) {
    for (const entry of value) visitDictionaries(entry, visit)
  }
}

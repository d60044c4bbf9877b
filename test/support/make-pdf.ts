// PDFs for tests, written from their objects: with a table of cross references or with streams of them, in revisions, encrypted.
import { createCipheriv, createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'

/** Its value as it is written, and the bytes of its stream; object 1 is the catalogue, 2 the list of pages. */
export type WrittenObject = string | { readonly dictionary: string; readonly stream: Uint8Array }

export type PdfOptions = {
  readonly version?: string
  /** Objects without a stream go into one, compressed, and so do the cross references (ISO 32000-2, 7.5.7 and 7.5.8). */
  readonly isCompressed?: boolean
  readonly trailer?: string
  readonly encryption?: Encryption
}

const page =
  '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >>'
const text =
  'BT /F 14 Tf 60 760 Td (Confirmation of address) Tj 0 -40 Td (Anna Maria Eriksson, 12 Canal Street, Utopia) Tj ET'

/**
 * The objects of a letter of one page, 1 to 5. What is given is added: entries of the catalogue and of the page, the page's
 * content in place of its own, and objects from 6 on.
 */
export function makeObjects(
  added: { catalog?: string; page?: string; content?: string; objects?: readonly WrittenObject[] } = {},
): WrittenObject[] {
  return [
    `<< /Type /Catalog /Pages 2 0 R ${added.catalog ?? ''} >>`,
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `${page} ${added.page ?? ''} >>`,
    { dictionary: '<< >>', stream: Buffer.from(added.content ?? text) },
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...(added.objects ?? []),
  ]
}

export function makePdf(objects: readonly WrittenObject[] = makeObjects(), options: PdfOptions = {}): Buffer {
  const header = Buffer.from(`%PDF-${options.version ?? '1.7'}\n%\xe2\xe3\xcf\xd3\n`, 'latin1')
  const numbered = objects.map((object, index) => [index + 1, object] as const)
  return options.isCompressed === true
    ? writeCompressed(header, numbered, options)
    : writeWithTable(header, numbered, options)
}

/** A revision behind the end of a PDF with a table: objects that replace those of the same number, or are new. */
export function revise(pdf: Buffer, changed: Readonly<Record<number, WrittenObject>>): Buffer {
  const before = /startxref\s+(\d+)\s+%%EOF\s*$/.exec(pdf.toString('latin1'))?.[1]
  const numbered = Object.entries(changed).map(([number, object]) => [Number(number), object] as const)
  return writeWithTable(pdf, numbered, { trailer: `/Prev ${before}` })
}

function writeObject(number: number, object: WrittenObject, encryption: Encryption | undefined): Buffer {
  if (typeof object === 'string') return Buffer.from(`${number} 0 obj\n${object}\nendobj\n`, 'latin1')
  const stream = encryption?.encrypt(number, object.stream) ?? object.stream
  const dictionary = object.dictionary.replace(/>>\s*$/, `/Length ${stream.length} >>`)
  return Buffer.concat([
    Buffer.from(`${number} 0 obj\n${dictionary}\nstream\n`, 'latin1'),
    stream,
    Buffer.from('\nendstream\nendobj\n'),
  ])
}

function writeWithTable(
  before: Buffer,
  numbered: readonly (readonly [number, WrittenObject])[],
  { trailer = '', encryption }: PdfOptions,
): Buffer {
  const parts = [before]
  let length = before.length
  let table = '0 1\n0000000000 65535 f \n'
  for (const [number, object] of numbered) {
    const written = writeObject(number, object, encryption)
    table += `${number} 1\n${String(length).padStart(10, '0')} 00000 n \n`
    parts.push(written)
    length += written.length
  }
  const size = Math.max(...numbered.map(([number]) => number)) + 1
  const end = `xref\n${table}trailer\n<< /Size ${size} /Root 1 0 R ${trailer} ${encryption?.trailer ?? ''} >>\nstartxref\n${length}\n%%EOF\n`
  return Buffer.concat([...parts, Buffer.from(end, 'latin1')])
}

function writeCompressed(
  header: Buffer,
  numbered: readonly (readonly [number, WrittenObject])[],
  { trailer = '', encryption }: PdfOptions,
): Buffer {
  const last = numbered.length
  const [container, references] = [last + 1, last + 2]
  const inner = numbered.filter(([, object]) => typeof object === 'string')
  let offset = 0
  const pairs = inner.map(([number, object]) => {
    const pair = `${number} ${offset}`
    offset += String(object).length + 1
    return pair
  })
  const heading = `${pairs.join(' ')}\n`
  const content = deflateSync(Buffer.from(heading + inner.map(([, object]) => `${object}\n`).join(''), 'latin1'))
  const outer: (readonly [number, WrittenObject])[] = [
    ...numbered.filter(([, object]) => typeof object !== 'string'),
    [
      container,
      {
        dictionary: `<< /Type /ObjStm /N ${inner.length} /First ${heading.length} /Filter /FlateDecode >>`,
        stream: content,
      },
    ],
  ]
  const parts = [header]
  let length = header.length
  // Type, offset or container, generation or index: 1, 4 and 2 bytes.
  const rows = Buffer.alloc(7 * (references + 1))
  const setRow = (number: number, type: number, second: number, third: number) => {
    rows.writeUInt8(type, number * 7)
    rows.writeUInt32BE(second, number * 7 + 1)
    rows.writeUInt16BE(third, number * 7 + 5)
  }
  inner.forEach(([number], index) => {
    setRow(number, 2, container, index)
  })
  for (const [number, object] of outer) {
    const written = writeObject(number, object, encryption)
    setRow(number, 1, length, 0)
    parts.push(written)
    length += written.length
  }
  setRow(references, 1, length, 0)
  const dictionary = `<< /Type /XRef /Size ${references + 1} /W [1 4 2] /Root 1 0 R /Filter /FlateDecode ${trailer} ${encryption?.trailer ?? ''} >>`
  parts.push(writeObject(references, { dictionary, stream: deflateSync(rows) }, undefined))
  return Buffer.concat([...parts, Buffer.from(`startxref\n${length}\n%%EOF\n`)])
}

/** Streams are encrypted; strings of these documents are left out of it, so let there be none that matters. */
export type Encryption = {
  readonly trailer: string
  readonly encrypt: (number: number, bytes: Uint8Array) => Buffer
}

const padding = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex')
const md5 = (...parts: readonly Uint8Array[]) => createHash('md5').update(Buffer.concat(parts)).digest()
const padPassword = (password: string) => Buffer.concat([Buffer.from(password, 'latin1'), padding]).subarray(0, 32)
const identifier = Buffer.alloc(16, 7)
const permissions = -3904

function rc4(key: Uint8Array, bytes: Uint8Array): Buffer {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index)
  const at = (index: number) => state[index & 255] ?? 0
  const swap = (first: number, second: number) => {
    const kept = at(first)
    state[first & 255] = at(second)
    state[second & 255] = kept
  }
  let second = 0
  for (let first = 0; first < 256; first++) {
    second = (second + at(first) + (key[first % key.length] ?? 0)) & 255
    swap(first, second)
  }
  second = 0
  const encrypted = bytes.map((byte, index) => {
    const first = (index + 1) & 255
    second = (second + at(first)) & 255
    swap(first, second)
    return byte ^ at(at(first) + at(second))
  })
  return Buffer.from(encrypted)
}

/** ISO 32000-1, 7.6.3: RC4 of 40 bits (revision 2), of 128 (3), AES of 128 (4), with an owner's password and this user's. */
export function encryptOld(revision: 2 | 3 | 4, userPassword = ''): Encryption {
  const length = revision === 2 ? 5 : 16
  const repeat = (digest: Buffer) => {
    let result = digest
    for (let round = 0; round < (revision === 2 ? 0 : 50); round++) result = md5(result.subarray(0, length))
    return result.subarray(0, length)
  }
  // 19 rounds more, each under the key with the round's number in every byte.
  const encryptRounds = (key: Buffer, bytes: Buffer) => {
    let result = rc4(key, bytes)
    for (let round = 1; round < (revision === 2 ? 1 : 20); round++)
      result = rc4(
        key.map((byte) => byte ^ round),
        result,
      )
    return result
  }
  const owner = encryptRounds(repeat(md5(padPassword('owner'))), padPassword(userPassword))
  const flags = Buffer.alloc(4)
  flags.writeInt32LE(permissions)
  const key = repeat(md5(padPassword(userPassword), owner, flags, identifier))
  const user =
    revision === 2 ? rc4(key, padding) : Buffer.concat([encryptRounds(key, md5(padding, identifier)), Buffer.alloc(16)])
  const version = {
    2: '/V 1 /R 2',
    3: '/V 2 /R 3 /Length 128',
    4: '/V 4 /R 4 /Length 128 /CF << /StdCF << /CFM /AESV2 /AuthEvent /DocOpen /Length 16 >> >> /StmF /StdCF /StrF /StdCF',
  }[revision]
  return {
    trailer: `/ID [<${identifier.toString('hex')}> <${identifier.toString('hex')}>] /Encrypt << /Filter /Standard ${version} /O <${owner.toString('hex')}> /U <${user.toString('hex')}> /P ${permissions} >>`,
    encrypt: (number, bytes) => {
      const suffix = Buffer.from([number & 255, (number >> 8) & 255, (number >> 16) & 255, 0, 0])
      const salt = revision === 4 ? [Buffer.from('sAlT')] : []
      const objectKey = md5(key, suffix, ...salt).subarray(0, Math.min(16, length + 5))
      return revision === 4 ? encryptAes('aes-128-cbc', objectKey, bytes) : rc4(objectKey, bytes)
    },
  }
}

function encryptAes(algorithm: string, key: Buffer, bytes: Uint8Array): Buffer {
  const vector = Buffer.alloc(16, 9)
  const cipher = createCipheriv(algorithm, key, vector)
  return Buffer.concat([vector, cipher.update(bytes), cipher.final()])
}

/** ISO 32000-2, 7.6.4: AES of 256 bits, revision 5 (a plain SHA-256) or 6 (algorithm 2.B). */
export function encryptNew(revision: 5 | 6, userPassword = ''): Encryption {
  const key = createHash('sha256').update('file key').digest()
  const hash = (password: string, salt: Buffer, user: Buffer) =>
    hashPassword(revision, Buffer.from(password), salt, user)
  const wrap = (password: string, salts: Buffer, user: Buffer) => {
    const validation = hash(password, salts.subarray(0, 8), user)
    const cipher = createCipheriv('aes-256-cbc', hash(password, salts.subarray(8), user), Buffer.alloc(16))
    cipher.setAutoPadding(false)
    return { check: Buffer.concat([validation, salts]), key: cipher.update(key) }
  }
  const user = wrap(userPassword, Buffer.alloc(16, 1), Buffer.alloc(0))
  const owner = wrap('owner', Buffer.alloc(16, 2), user.check)
  const flags = Buffer.alloc(16, 0xff)
  flags.writeInt32LE(permissions)
  flags.write('Tadb', 8)
  const cipher = createCipheriv('aes-256-ecb', key, null)
  cipher.setAutoPadding(false)
  const hex = (bytes: Buffer) => `<${bytes.toString('hex')}>`
  return {
    trailer: `/ID [${hex(identifier)} ${hex(identifier)}] /Encrypt << /Filter /Standard /V 5 /R ${revision} /Length 256 /CF << /StdCF << /CFM /AESV3 /AuthEvent /DocOpen /Length 32 >> >> /StmF /StdCF /StrF /StdCF /U ${hex(user.check)} /UE ${hex(user.key)} /O ${hex(owner.check)} /OE ${hex(owner.key)} /Perms ${hex(cipher.update(flags))} /P ${permissions} >>`,
    encrypt: (_number, bytes) => encryptAes('aes-256-cbc', key, bytes),
  }
}

function hashPassword(revision: 5 | 6, password: Buffer, salt: Buffer, user: Buffer): Buffer {
  let digest = createHash('sha256')
    .update(Buffer.concat([password, salt, user]))
    .digest()
  if (revision === 5) return digest
  for (let round = 0, last = 0; round < 64 || last > round - 32; round++) {
    const block = Buffer.concat([password, digest, user])
    const cipher = createCipheriv('aes-128-cbc', digest.subarray(0, 16), digest.subarray(16, 32))
    cipher.setAutoPadding(false)
    const encrypted = cipher.update(Buffer.concat(Array.from({ length: 64 }, () => block)))
    const remainder = encrypted.subarray(0, 16).reduce((sum, byte) => sum + byte, 0) % 3
    digest = createHash(['sha256', 'sha384', 'sha512'][remainder] ?? '')
      .update(encrypted)
      .digest()
    last = encrypted.at(-1) ?? 0
  }
  return digest.subarray(0, 32)
}

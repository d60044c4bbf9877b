// What may hide in a document, by the bytes that it begins with and by what must follow them. Compressed data holds any two
// or three bytes by chance, ten megabytes of it most fours: so each is looked at until chance is out of the question, and what
// a camera writes into its notes, a profile or a manifest is never mistaken for it.

export type Signature = {
  readonly name: string
  readonly start: Buffer
  /** Where in a file of its own these bytes stand; by default first. */
  readonly place?: number
  /** Whether what begins at `at` is it. Looks at a few hundred bytes at most, so that a search is linear. */
  readonly isReal: (bytes: Buffer, at: number) => boolean
}

const latin1 = (value: string) => Buffer.from(value, 'latin1')
const readText = (bytes: Buffer, at: number, length: number) => bytes.toString('latin1', at, at + length)
const matches = (pattern: RegExp) => (bytes: Buffer, at: number) => pattern.test(readText(bytes, at, 320))
const always = () => true

/** APPNOTE 4.3.7: version, flags, method, time, date, checksum, two sizes, length of the name and of the extra field. */
function isZipEntry(bytes: Buffer, at: number): boolean {
  if (at + 30 > bytes.length) return false
  const method = bytes.readUInt16LE(at + 8)
  const nameLength = bytes.readUInt16LE(at + 26)
  const name = readText(bytes, at + 30, Math.min(nameLength, 256))
  return (
    bytes.readUInt8(at + 4) <= 63 &&
    bytes.readUInt8(at + 5) <= 20 &&
    (bytes.readUInt16LE(at + 6) & 0xd780) === 0 &&
    (method <= 20 || (method >= 93 && method <= 99)) &&
    nameLength > 0 &&
    at + 30 + nameLength <= bytes.length &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a name of a file has none
    !/[\x00-\x1f]/.test(name)
  )
}

/** APPNOTE 4.3.16: the end of the central directory, which stands before it and points back. */
function isZipEnd(bytes: Buffer, at: number): boolean {
  if (at + 22 > bytes.length) return false
  const count = bytes.readUInt16LE(at + 10)
  const size = bytes.readUInt32LE(at + 12)
  if (bytes.readUInt16LE(at + 8) !== count || at + 22 + bytes.readUInt16LE(at + 20) > bytes.length) return false
  if (count === 0) return size === 0 && bytes.readUInt32LE(at + 4) === 0
  return size >= 46 && size <= at && readText(bytes, at - size, 4) === 'PK\x01\x02'
}

/** POSIX.1, pax, "ustar": the mark stands 257 bytes into a header whose checksum takes its own eight bytes for spaces. */
function isTarHeader(bytes: Buffer, at: number): boolean {
  const header = bytes.subarray(Math.max(0, at - 257), at + 255)
  if (header.length < 512) return false
  const sum = header.reduce((total, value, place) => total + (place >= 148 && place < 156 ? 0x20 : value), 0)
  return Number.parseInt(readText(header, 148, 8), 8) === sum
}

/** [MS-CFB] 2.2: the version (3 or 4) and the order of bytes. Word, Excel and PowerPoint wrote it before 2007. */
const isCompoundFile = (bytes: Buffer, at: number) =>
  ['\x03\0\xfe\xff', '\x04\0\xfe\xff'].includes(readText(bytes, at + 26, 4))

/** ELF, 2-4: class, order of bytes, version; kind of file, machine, version again. */
function isElf(bytes: Buffer, at: number): boolean {
  if (at + 24 > bytes.length) return false
  const width = bytes.readUInt8(at + 4)
  const order = bytes.readUInt8(at + 5)
  const kind = order === 1 ? bytes.readUInt16LE(at + 16) : bytes.readUInt16BE(at + 16)
  const version = order === 1 ? bytes.readUInt32LE(at + 20) : bytes.readUInt32BE(at + 20)
  return [1, 2].includes(width) && [1, 2].includes(order) && kind >= 1 && kind <= 4 && version === 1
}

/** The DOS header says where the one that counts is: `PE`, two zeros, the machine, the number of sections. */
function isPortableExecutable(bytes: Buffer, at: number): boolean {
  if (at + 64 > bytes.length) return false
  const header = at + bytes.readUInt32LE(at + 60)
  return header + 24 <= bytes.length && readText(bytes, header, 4) === 'PE\0\0'
}

/** Java class: minor and major version, number of constants. Universal binary: number of programs, the first one's processor. */
function isClassOrUniversal(bytes: Buffer, at: number): boolean {
  if (at + 12 > bytes.length) return false
  const version = bytes.readUInt32BE(at + 4)
  const isClass = version >= 45 && version <= 80 && bytes.readUInt16BE(at + 8) > 1 && bytes.readUInt8(at + 10) <= 20
  return isClass || (version > 0 && version <= 20 && processors.has(bytes.readUInt32BE(at + 8)))
}

/** Of Mach-O: x86, ARM, PowerPC, each in 32 and 64 bits. */
const processors = new Set([7, 12, 18, 0x01000007, 0x0100000c, 0x01000012])

function isMachO(bytes: Buffer, at: number): boolean {
  if (at + 16 > bytes.length) return false
  const isLittle = bytes.readUInt8(at) !== 0xfe
  const processor = isLittle ? bytes.readUInt32LE(at + 4) : bytes.readUInt32BE(at + 4)
  const kind = isLittle ? bytes.readUInt32LE(at + 12) : bytes.readUInt32BE(at + 12)
  return processors.has(processor) && kind >= 1 && kind <= 12
}

/**
 * Tags that make a browser or a server run or show something, whole: XMP is full of other tags, captions may have links.
 * The last two: anything that runs by an event or by a link.
 */
const activeMarkup = new RegExp(
  [
    '^<(?:script|html|iframe|body|object|embed)[\\s/>]',
    '^<!doctype\\s+html',
    '^<hta:',
    '^<(?:meta\\s+http-equiv|form\\s+action)\\s*=',
    '^<\\?php\\s',
    // Short tags, to their end, with what does something: phones have quantisation tables that spell the tags.
    '^<\\?(?!xml|xpacket|adobe)(?=[\\t\\r\\n\\x20-\\x7e]{1,300}\\?>)(?:(?!\\?>)[\\s\\S])*?(?:\\$[a-z_{]|[a-z_]{2}\\s*\\(|`[^`]+`|\\b(?:echo|print|include|require)\\b)',
    '^<%[@=!]?\\s*(?:page|eval|execute|import|response|request|runtime)\\b',
    '^<[a-z][a-z0-9]*[\\s/][^<>]*\\bon[a-z]{3,20}\\s*=\\s*["\'a-z]',
    '^<[a-z][a-z0-9]*[\\s/][^<>]*\\bhref\\s*=\\s*["\']?\\s*javascript:',
  ].join('|'),
  'i',
)

/** Of any byte in four a letter or a mark follows, so most of what chance brings is over at once. */
function isActiveMarkup(bytes: Buffer, at: number): boolean {
  const next = bytes[at + 1] ?? 0
  const isLetter = (next | 32) >= 0x61 && (next | 32) <= 0x7a
  return (isLetter || next === 0x21 || next === 0x25 || next === 0x3f) && activeMarkup.test(readText(bytes, at, 320))
}

/** What scripts start programs or fetch them by: VBScript, JScript and ASP; PowerShell; Node. */
const startersOfPrograms = [
  'WScript.Shell',
  'wscript.shell',
  'New-Object Net.WebClient',
  "require('child_process')",
  'require("child_process")',
]

export const signatures: readonly Signature[] = [
  { name: 'a ZIP archive', start: latin1('PK\x03\x04'), isReal: isZipEntry },
  { name: 'a ZIP archive', start: latin1('PK\x05\x06'), isReal: isZipEnd },
  { name: 'a RAR archive', start: latin1('Rar!\x1a\x07'), isReal: always },
  { name: 'a 7z archive', start: latin1('7z\xbc\xaf\x27\x1c'), isReal: always },
  { name: 'a CAB archive', start: latin1('MSCF\0\0\0\0'), isReal: always },
  { name: 'an XZ archive', start: latin1('\xfd7zXZ\0'), isReal: always },
  { name: 'a bzip2 archive', start: latin1('BZh'), isReal: matches(/^BZh[1-9]1AY&SY/) },
  { name: 'a tar archive', start: latin1('ustar'), place: 257, isReal: isTarHeader },
  { name: 'a package', start: latin1('!<arch>\n'), isReal: always },
  { name: 'an old office document', start: Buffer.from('d0cf11e0a1b11ae1', 'hex'), isReal: isCompoundFile },
  // ECMA-119, 8.4: the first volume descriptor of a disc.
  { name: 'an image of a disc', start: latin1('\x01CD001\x01\0'), place: 32_768, isReal: always },
  { name: 'a program', start: latin1('\x7fELF'), isReal: isElf },
  { name: 'a program', start: latin1('MZ'), isReal: isPortableExecutable },
  { name: 'a program', start: Buffer.from([0xca, 0xfe, 0xba, 0xbe]), isReal: isClassOrUniversal },
  { name: 'a program', start: Buffer.from([0xfe, 0xed, 0xfa, 0xce]), isReal: isMachO },
  { name: 'a program', start: Buffer.from([0xfe, 0xed, 0xfa, 0xcf]), isReal: isMachO },
  { name: 'a program', start: Buffer.from([0xce, 0xfa, 0xed, 0xfe]), isReal: isMachO },
  { name: 'a program', start: Buffer.from([0xcf, 0xfa, 0xed, 0xfe]), isReal: isMachO },
  { name: 'a program', start: latin1('dex\n03'), isReal: matches(/^dex\n03\d\0/) },
  { name: 'a program', start: latin1('\0asm\x01\0\0\0'), isReal: always },
  // [MS-SHLLINK] 2.1: the size of the header and the class of a shortcut, which starts any program.
  { name: 'a shortcut', start: Buffer.from('4c0000000114020000000000c000000000000046', 'hex'), isReal: always },
  { name: 'a shortcut', start: latin1('[InternetShortcut]'), isReal: matches(/^\[InternetShortcut\]\s+\w+=/) },
  { name: 'a shortcut', start: latin1('[Desktop Entry]'), isReal: matches(/^\[Desktop Entry\]\s+\w+=/) },
  { name: 'a script', start: latin1('@echo off'), isReal: matches(/^@echo off[\r\n]/) },
  { name: 'a script', start: latin1('@ECHO OFF'), isReal: matches(/^@ECHO OFF[\r\n]/) },
  ...startersOfPrograms.map((start) => ({ name: 'a script', start: latin1(start), isReal: always })),
  { name: 'a script', start: latin1('powershell'), isReal: matches(/^powershell(?:\.exe)?["']?\s+[-/]/) },
  // What every scanner of viruses is tried with (eicar.org).
  { name: 'a test virus', start: latin1('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR'), isReal: always },
  // Known malware keeps it in the Exif of a photograph, which another script runs.
  { name: 'a script', start: latin1('eval(base64_decode('), isReal: always },
  { name: 'a script', start: latin1('#!'), isReal: matches(/^#! ?\/(?:usr|bin|sbin|opt|system)\//) },
  { name: 'a script', start: latin1('__HALT_COMPILER();'), isReal: always },
  { name: 'a web page or a script', start: latin1('<'), isReal: isActiveMarkup },
]

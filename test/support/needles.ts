// Looks for bytes that must be nowhere in all files below a folder: as they are, and in the encodings in which programs pass
// bytes on as text.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

type Needle = { readonly bytes: Buffer; readonly name: string }

/** What is looked for, by its first four bytes. */
export type Needles = {
  readonly byStart: ReadonlyMap<number, readonly Needle[]>
  /** Whether any begins with these two bytes: most places of a file are passed by this alone. */
  readonly starts: Uint8Array
}

/** Bytes of one run: more than chance has, few enough to be found in pieces. */
const runLength = 24
/** Runs of each secret, from its beginning to its end. */
const places = 16

/** Base64 of bytes inside of others, for each of the three places at which they can begin; without the ends, which mix with those. */
function toBase64Runs(bytes: Buffer): Buffer[] {
  return [0, 1, 2].flatMap((shift) => {
    const text = bytes.subarray((3 - shift) % 3).toString('base64')
    const whole = text.slice(0, Math.floor((text.length - 4) / 4) * 4)
    const forms = [whole, whole.replaceAll('+', '-').replaceAll('/', '_'), whole.replaceAll('/', '\\/')]
    return forms.map((form) => Buffer.from(form))
  })
}

const toForms = (run: Buffer): readonly Buffer[] => [
  ...[run, Buffer.from(run.toString('hex')), Buffer.from(run.toString('hex').toUpperCase())],
  Buffer.from([...run].join(',')),
  ...toBase64Runs(run),
]

/** Runs of each secret in each encoding; none of few different bytes, which many files have by themselves. */
export function listNeedles(secrets: Readonly<Record<string, Uint8Array>>): Needles {
  const byStart = new Map<number, Needle[]>()
  const starts = new Uint8Array(0x1_0000)
  for (const [name, bytes] of Object.entries(secrets)) {
    const buffer = Buffer.from(bytes)
    for (let place = 0; place < places; place++) {
      const start = Math.round((place / (places - 1)) * Math.max(0, buffer.length - runLength))
      const run = buffer.subarray(start, start + runLength)
      if (new Set(run).size < run.length / 2) continue
      for (const form of toForms(run)) {
        const key = form.readUInt32BE(0)
        byStart.set(key, [...(byStart.get(key) ?? []), { bytes: form, name }])
        starts[key >>> 16] = 1
      }
    }
  }
  return { byStart, starts }
}

function findIn(content: Buffer, { byStart, starts }: Needles, found: Set<string>): void {
  for (let at = 0; at + 4 <= content.length; at++) {
    if (starts[((content[at] as number) << 8) | (content[at + 1] as number)] === 0) continue
    for (const { bytes, name } of byStart.get(content.readUInt32BE(at)) ?? []) {
      if (content.subarray(at, at + bytes.length).equals(bytes)) found.add(name)
    }
  }
}

/** What is read; undefined when it was deleted since it was listed, as servers do that are running. */
const unlessGone = <Content>(reading: Promise<Content>): Promise<Content | undefined> =>
  reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })

/** Whose needles are in some file below the folder, each once. */
export async function findAnyOf(folder: string, needles: Needles): Promise<string[]> {
  const found = new Set<string>()
  const folders = [await readdir(folder, { withFileTypes: true })]
  for (const entries of folders) {
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isDirectory()) folders.push((await unlessGone(readdir(path, { withFileTypes: true }))) ?? [])
      if (entry.isFile()) findIn((await unlessGone(readFile(path))) ?? Buffer.alloc(0), needles, found)
    }
  }
  return [...found]
}

// A letter of one page for tests of PDF, its objects at known numbers, so that a test can add one and point to it.
import { makeEncryption, type PdfCipher } from '../fixtures/documents/pdf-encryption.ts'
import {
  appendUpdate,
  type PdfBody,
  type PdfObject,
  type WriteOptions,
  writeClassic,
  writeStreams,
} from '../fixtures/documents/pdf-writer.ts'
import { seedRandom } from '../fixtures/documents/random.ts'

/** An object without a stream is its value alone. */
export type WrittenObject = string | PdfObject

const page =
  '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >>'
const text =
  'BT /F 14 Tf 60 760 Td (Confirmation of address) Tj 0 -40 Td (Anna Maria Eriksson, 12 Canal Street, Utopia) Tj ET'

/**
 * The objects of a letter of one page, 1 to 5: the catalogue, the list of pages, the page, its content, a font. What is given
 * is added: entries of the catalogue and of the page, the page's content in place of its own, and objects from 6 on.
 */
export function makeObjects(
  added: { catalog?: string; page?: string; content?: string; objects?: readonly WrittenObject[] } = {},
): WrittenObject[] {
  return [
    `<< /Type /Catalog /Pages 2 0 R ${added.catalog ?? ''} >>`,
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `${page} ${added.page ?? ''} >>`,
    { value: '<< >>', stream: Buffer.from(added.content ?? text) },
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...(added.objects ?? []),
  ]
}

const readObject = (object: WrittenObject): PdfObject => (typeof object === 'string' ? { value: object } : object)
const makeBody = (objects: readonly WrittenObject[]): PdfBody => ({
  objects: objects.map(readObject),
  root: 1,
  pages: [3],
})

/** `packed`: cross references, and objects without a stream, are in streams. */
export function makePdf(
  objects: readonly WrittenObject[] = makeObjects(),
  { packed = false, ...options }: WriteOptions & { packed?: boolean } = {},
): Buffer {
  return packed ? writeStreams(makeBody(objects), { ...options, packed }) : writeClassic(makeBody(objects), options)
}

/** A revision behind the end of a letter with a table: objects that replace those of the same number, or are new. */
export function revise(pdf: Buffer, changed: Readonly<Record<number, WrittenObject>>): Buffer {
  const changes = Object.entries(changed).map(([number, object]) => [Number(number), readObject(object)] as const)
  return appendUpdate(pdf, makeBody(makeObjects()), new Map(changes))
}

/** `user`: the password that opens it; an owner's there always is. */
export const encrypt = (cipher: PdfCipher, user = '') =>
  makeEncryption(cipher, seedRandom(cipher), { user, owner: 'owner' })

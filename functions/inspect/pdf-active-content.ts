// What a PDF can do besides being read, in any of its revisions.
import { findReachable, type PdfObjects } from './pdf-objects.ts'
import {
  isDictionary,
  isName,
  isReference,
  isText,
  type PdfDictionary,
  type PdfValue,
  visitDictionaries,
} from './pdf-values.ts'

/** Each with what it is called to a person, in the order in which they are named. */
export const activeContent = {
  script: 'a script (JavaScript)',
  command: 'a command that starts a program',
  attachment: 'an attached file',
  xfa: 'an XFA form',
  submission: 'a button or command that sends or imports data',
  media: 'sound, video or 3D content',
  otherFile: 'a link to another file',
  unsafeLink: 'a link that leads neither to a web page nor to an e-mail address',
  automaticLink: 'a web address that opens by itself',
} as const
export type ActiveContent = keyof typeof activeContent

/** ISO 32000-2, table 201: what /S of an action says. What is not here is harmless: GoTo, Named, Hide, ResetForm, ... */
const actions = new Map<string, ActiveContent>([
  ['JavaScript', 'script'],
  ['Launch', 'command'],
  ['SubmitForm', 'submission'],
  ['ImportData', 'submission'],
  ['Sound', 'media'],
  ['Movie', 'media'],
  ['Rendition', 'media'],
  ['GoTo3DView', 'media'],
  ['RichMediaExecute', 'media'],
  ['GoToR', 'otherFile'],
  ['GoToE', 'otherFile'],
])
/** Table 171: what /Subtype of an annotation says. */
const annotations = new Map<string, ActiveContent>([
  ['FileAttachment', 'attachment'],
  ['Sound', 'media'],
  ['Movie', 'media'],
  ['3D', 'media'],
  ['RichMedia', 'media'],
])

/** @param isReadable whether strings are what they say; those of an encrypted document are not */
export function findActiveContent(objects: PdfObjects, isReadable: boolean): ReadonlySet<ActiveContent> {
  const found = new Set<ActiveContent>()
  const followed = new Set<PdfDictionary>()
  for (const { value, streamStart } of findReachable(objects)) {
    // A stream whose bytes are another file's (7.3.8.2).
    if (streamStart !== undefined && isDictionary(value) && value.has('F')) found.add('otherFile')
    visitDictionaries(value, (dictionary) => {
      for (const kind of lookAt(dictionary, objects.resolve, isReadable, followed)) found.add(kind)
    })
  }
  for (const action of findStrayActions(objects)) {
    for (const kind of lookAt(action, objects.resolve, isReadable, followed)) found.add(kind)
  }
  return found
}

/**
 * Actions that no object refers to, and that are not what is left of a form: of a field that was taken out, programs forget
 * the field in the file, which refers to its actions still, or the calls of Acrobat's own functions that show its value
 * (AFDate_FormatEx and others). Another action was hidden there.
 */
function findStrayActions(objects: PdfObjects): readonly PdfDictionary[] {
  const candidates = objects.all.filter(
    ({ value }) => isDictionary(value) && isAction(value, objects.resolve) && !isFormatting(value.get('JS')),
  )
  if (candidates.length === 0) return []
  const referred = new Set<number>()
  for (const { number, value } of objects.all) addReferences(value, number, referred)
  for (const trailer of objects.trailers) addReferences(trailer, undefined, referred)
  return candidates.filter(({ number }) => !referred.has(number)).map(({ value }) => value as PdfDictionary)
}

function isAction(dictionary: PdfDictionary, resolve: PdfObjects['resolve']): boolean {
  if (dictionary.has('JS')) return true
  return resolve(dictionary.get('S')).some((kind) => isName(kind) && (kind.name === 'URI' || actions.has(kind.name)))
}

/** Their arguments have no calls but of `new Array`, in which a sum names its fields. */
const isFormatting = (script: PdfValue | undefined) =>
  isText(script) && /^\s*(AF[A-Z]\w{1,40}\(([^()]|new Array ?\([^()]*\))*\)[;\s]*){1,9}$/.test(decodeText(script.text))

/** The numbers of the objects that a value refers to, but for the object that it is itself. */
function addReferences(value: PdfValue, own: number | undefined, numbers: Set<number>): void {
  if (isReference(value)) {
    if (value.object !== own) numbers.add(value.object)
  } else if (isDictionary(value) || Array.isArray(value)) {
    for (const entry of value.values()) addReferences(entry, own, numbers)
  }
}

function* lookAt(
  dictionary: PdfDictionary,
  resolve: PdfObjects['resolve'],
  isReadable: boolean,
  followed: Set<PdfDictionary>,
): Generator<ActiveContent> {
  const names = (key: string) =>
    resolve(dictionary.get(key))
      .filter(isName)
      .map(({ name }) => name)
  for (const name of names('S')) yield* oneOf(actions, name)
  // What is shown in the place of a stand-in: a page of another file (8.10.4), or a picture of a print shop's.
  if (resolve(dictionary.get('Ref')).some((file) => isDictionary(file) && file.has('F'))) yield 'otherFile'
  if (resolve(dictionary.get('OPI')).some(isDictionary)) yield 'otherFile'
  // A thread of this file is as harmless as a page of it (table 209).
  if (names('S').includes('Thread') && dictionary.has('F')) yield 'otherFile'
  // An element of the structure tree has a type of its own in /S, which is free.
  for (const name of names('Subtype')) yield* oneOf(annotations, name)
  if (dictionary.has('JS')) yield 'script'
  if (resolve(dictionary.get('EF')).some(isFull) || names('Type').includes('EmbeddedFile')) yield 'attachment'
  if (resolve(dictionary.get('XFA')).some(isFull)) yield 'xfa'
  if (isReadable && resolve(dictionary.get('URI')).some((uri) => !isSafe(uri))) yield 'unsafeLink'
  const automatic = [dictionary.get('OpenAction'), ...findTriggered(dictionary, resolve)]
  if (automatic.some((action) => opensAddress(action, resolve, followed))) yield 'automaticLink'
}

function* oneOf(kinds: ReadonlyMap<string, ActiveContent>, name: string): Generator<ActiveContent> {
  const kind = kinds.get(name)
  if (kind !== undefined) yield kind
}

function isFull(value: PdfValue): boolean {
  if (isDictionary(value)) return value.size > 0
  return Array.isArray(value) ? value.length > 0 : value !== null
}

/** The actions of /AA, additional actions: each belongs to an event. */
function findTriggered(dictionary: PdfDictionary, resolve: PdfObjects['resolve']): PdfValue[] {
  return resolve(dictionary.get('AA')).flatMap((events) => (isDictionary(events) ? [...events.values()] : []))
}

/**
 * The action, or one that follows it: a chain of /Next, which may be a tree, and a circle.
 *
 * @param followed what was followed already, for this or another event, and is not again
 */
function opensAddress(
  action: PdfValue | undefined,
  resolve: PdfObjects['resolve'],
  followed: Set<PdfDictionary>,
): boolean {
  const waiting = [...resolve(action)]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (!isDictionary(next) || followed.has(next)) continue
    followed.add(next)
    if (resolve(next.get('S')).some((kind) => isName(kind) && kind.name === 'URI')) return true
    for (const following of resolve(next.get('Next'))) {
      waiting.push(...(Array.isArray(following) ? following.flatMap((value) => resolve(value)) : [following]))
    }
  }
  return false
}

/**
 * Whether an address leads to the web, a mailbox or a telephone. One without a scheme is what somebody typed: www.example.org,
 * also with a port.
 */
function isSafe(value: PdfValue): boolean {
  // The catalogue's own /URI is a dictionary with the base of addresses.
  if (isDictionary(value)) return isSafe(value.get('Base') ?? null)
  if (!isText(value)) return true
  const address = decodeText(value.text).replace(/[\0-\x20]/g, '')
  if (/^(\\\\|\/\/)/.test(address)) return false
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1]?.toLowerCase()
  if (scheme === undefined || ['http', 'https', 'mailto', 'tel', 'sms'].includes(scheme)) return true
  return scheme.includes('.') && /^[^:]*:\d/.test(address)
}

function decodeText(text: string): string {
  if (!text.startsWith('\xfe\xff')) return text
  return Buffer.from(text, 'latin1')
    .subarray(2, 2 + Math.floor((text.length - 2) / 2) * 2)
    .swap16()
    .toString('utf16le')
}

// One case of fuzzing: a good document, damaged by a seed, and what the inspection must keep to whatever it is given.
import { inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { readParserAnswer } from '../../functions/inspect/parser-answer.ts'
import { type ReasonCode, reasons } from '../../functions/inspect/reasons.ts'
import { readSample } from '../fixtures/documents/cache.ts'
import { goodSamples } from '../fixtures/documents/corpus.ts'
import { makeForm, makeLetterBody } from '../fixtures/documents/good-pdf.ts'
import { type Random, seedRandom } from '../fixtures/documents/random.ts'
import { findMetadata } from './find-metadata.ts'
import { mutateBody, mutateDocument } from './mutate-document.ts'

export type FuzzCase = { readonly name: string; readonly how: string; readonly bytes: Buffer }

/** The seed of the documents that are damaged, not of the damage; and their size: they have the same structures as large ones. */
const [documentSeed, scale] = [1, 0.4]

export async function readBases(): Promise<readonly { readonly name: string; readonly bytes: Buffer }[]> {
  const bases: { name: string; bytes: Buffer }[] = []
  for (const sample of goodSamples) {
    if (sample.name !== 'twelve-megapixels.jpg')
      bases.push({ name: sample.name, bytes: await readSample(sample, documentSeed, scale) })
  }
  return bases
}

/** The same case for the same seed and index. */
export function makeCase(bases: Awaited<ReturnType<typeof readBases>>, seed: string, index: number): FuzzCase {
  const random: Random = seedRandom(`${seed} ${index}`)
  if (random.next() < 0.2) {
    const [name, make] = random.pick([['letter', makeLetterBody] as const, ['form', makeForm] as const])
    return { name, ...mutateBody(make(random), random) }
  }
  const base = random.pick(bases)
  return { name: base.name, ...mutateDocument(base.bytes, random.pick(bases).bytes, random) }
}

export type FuzzResult = {
  readonly verdict: 'passed' | 'rejected'
  readonly codes: readonly string[]
  /** What must not be; none: all is well. */
  readonly problems: readonly string[]
}

/**
 * @param inspectsCopy whether the clean copy is inspected in its turn, which costs as much again
 * @throws what the inspection throws: in the function it ends the parser, which is a verdict as well
 */
export async function judgeCase(bytes: Uint8Array, inspectsCopy = true): Promise<FuzzResult> {
  const { makeCleanCopy, ...inspection } = await inspectDocument(bytes)
  const problems: string[] = []
  const codes = inspection.reasons.map(({ code }) => code)
  const copyMediaType = makeCleanCopy ? inspection.mediaType : null
  const answer = Buffer.from(
    JSON.stringify({ inspection, copyMediaType, usage: { peakKilobytes: 0, cpuMilliseconds: 0 } }),
  )
  if (!readParserAnswer(answer)) problems.push('no verdict as the function believes it')
  for (const code of codes) if (!reasons[code as ReasonCode]) problems.push(`unknown code ${code}`)
  if (makeCleanCopy) {
    const copy = await makeCleanCopy()
    const again = inspectsCopy ? await inspectDocument(copy.bytes) : undefined
    if (again?.verdict === 'rejected') problems.push(`clean copy is ${again.reasons.map(({ code }) => code)}`)
    for (const found of findMetadata(copy.bytes)) problems.push(`clean copy holds ${found}`)
  }
  return { verdict: inspection.verdict, codes, problems }
}

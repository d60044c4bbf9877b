// The whole corpus of one seed, judged: each document as it has to be, for the reason that it has to be.
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { readSample } from '../fixtures/documents/cache.ts'
import { isHeldOut, samples } from '../fixtures/documents/corpus.ts'
import { isExpected } from '../fixtures/documents/sample.ts'
import { findMetadata } from '../support/find-metadata.ts'

const seed = 1
const page = await readFile(new URL('../../docs/documents.md', import.meta.url), 'utf8')

// The first time they are made: no time is expected of it, only an end.
describe('the corpus', { timeout: 1_200_000 }, () => {
  it.each(samples.map((sample) => [sample.name, sample] as const))('%s', async (_name, sample) => {
    expect(isHeldOut(seed)).toBe(false)
    const { reasons, makeCleanCopy } = await inspectDocument(await readSample(sample, seed))
    const codes = reasons.map(({ code }) => code)
    if (!isExpected(sample, codes)) expect(codes).toEqual(sample.codes)
    // What is said of this document in the place of the code's own message.
    for (const { message } of reasons) expect(page).toContain(`| ${message} |`)
    const copy = await makeCleanCopy?.()
    if (copy) expect(findMetadata(copy.bytes)).toEqual([])
  })
})

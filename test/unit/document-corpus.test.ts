// The corpus of documents is what it claims to be: complete, listed, and the same each time.
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { reasons } from '../../functions/inspect/reasons.ts'
import { unjudgedReasons } from '../../shared/unjudged-reasons.ts'
import { goodSamples, isHeldOut, makeSample, samples } from '../fixtures/documents/corpus.ts'

/** No document asks for them: a parser that crashes does, and an object that was replaced. */
const ofNoDocument: readonly string[] = Object.keys(unjudgedReasons)

describe('the corpus of documents', () => {
  it('has every reason at least twice, and at least 30 good documents', () => {
    const counts = Object.keys(reasons).map(
      (code) => [code, samples.filter(({ codes }) => codes[0] === code).length] as const,
    )
    const tooFew = counts.filter(([code, count]) => count < 2 && !ofNoDocument.includes(code))
    expect(tooFew).toEqual([])
    expect(goodSamples.length).toBeGreaterThanOrEqual(30)
  })

  it('has a name for each document, and all of them in its list', async () => {
    const list = await readFile(new URL('../fixtures/documents/manifest.jsonl', import.meta.url), 'utf8')
    const listed = list
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(listed).toEqual(
      samples.map(({ name, imitates, codes, or }) => ({
        ...{
          name,
          imitates,
          provenance: 'generated',
          verdict: codes.length === 0 ? 'verified' : 'rejected',
          codes,
          ...(or ? { or } : {}),
        },
      })),
    )
    expect(new Set(samples.map(({ name }) => name)).size).toBe(samples.length)
  })

  it('is the same for the same seed, and another for another', async () => {
    for (const name of ['baseline-444.jpg', 'palette.png', 'owner-aes-256.pdf']) {
      const sample = samples.find((one) => one.name === name)
      if (!sample) throw new Error(`expected ${name} in the corpus`)
      const [once, again, other] = await Promise.all([1, 1, 2].map((seed) => makeSample(sample, seed)))
      expect(Buffer.compare(once as Uint8Array, again as Uint8Array)).toBe(0)
      expect(Buffer.compare(once as Uint8Array, other as Uint8Array)).not.toBe(0)
    }
  })

  it('holds out a third of the seeds', () => {
    const seeds = Array.from({ length: 300 }, (_, index) => index + 1)
    expect(seeds.filter(isHeldOut)).toHaveLength(100)
  })
})

describe('the page about documents', () => {
  it('has every reason as it is told', async () => {
    const page = await readFile(new URL('../../docs/documents.md', import.meta.url), 'utf8')
    for (const [code, { message, retry }] of Object.entries(reasons))
      expect(page).toContain(`| \`${code}\` | ${message} | ${retry ? 'yes' : 'no'} |`)
  })
})

// A short run of fuzzing with a seed that never changes; `npm run bench -- fuzz` has the long one.
import { describe, expect, it } from 'vitest'
import { startParser } from '../../functions/inspect/parser-process.ts'
import { findParserProgram } from '../../functions/inspect/spawn-parser.ts'
import { line, startBody } from '../fixtures/documents/pdf-pages.ts'
import { writeClassic } from '../fixtures/documents/pdf-writer.ts'
import { judgeCase, makeCase, readBases } from '../support/fuzz.ts'

const [seed, cases] = ['short', 300]

// Documents are made first, then hundreds are judged: no time is expected of it, only an end.
describe('damaged documents', { timeout: 1_200_000 }, () => {
  it('always come to a verdict, and what is kept of those that pass is clean', async () => {
    const bases = await readBases()
    const verdicts = { passed: 0, rejected: 0 }
    for (let index = 0; index < cases; index++) {
      const { name, how, bytes } = makeCase(bases, seed, index)
      const { verdict, problems } = await judgeCase(bytes)
      expect(problems, `case ${index}: ${name}, ${how}`).toEqual([])
      verdicts[verdict]++
    }
    // Otherwise nothing is tried: neither what passes nor what is refused.
    expect(verdicts.passed).toBeGreaterThan(cases / 20)
    expect(verdicts.rejected).toBeGreaterThan(cases / 5)
  })
})

describe('what fuzzing found', () => {
  const heading = [700, 660, 620].map((y) => line(20, 56, y, 'Confirmation of address')).join('\n')

  it.each([
    [99_999_999, 842],
    [842, 2_147_483_647],
    [20_000, 20_000],
  ])(
    'a page of %i by %i points comes to a verdict, and its copy is a picture of a common size',
    async (width, height) => {
      const body = startBody()
      body.addPage({ content: heading, size: [width, height] })
      expect((await judgeCase(writeClassic(body.finish()))).problems).toEqual([])
    },
  )

  it('text sheared a thousandfold, over which PDFium draws for minutes, ends with its parser', async () => {
    const body = startBody()
    const text = 'BT /F1 11 Tf 0 1 910 1 56 470 Tm (6. We confirm 212 Harbour Square, 7432 EUR) Tj ET\n'
    body.addPage({ content: `${heading}\n${text.repeat(40)}` })
    const deadlines = { waiting: 15_000, answered: 15_000 }
    const parsed = await startParser(findParserProgram(), deadlines).inspect(writeClassic(body.finish()))
    expect(parsed).toMatchObject({ outcome: 'crashed', how: 'timeout' })
  })
})

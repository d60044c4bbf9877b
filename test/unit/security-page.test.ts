// The page on security names tests: every one of them must exist, and every risk of the list must have one.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs', 'security.md'), 'utf8')
const risks = page
  .split(/^### /m)
  .slice(1)
  .map((section) => ({
    title: section.split('\n', 1)[0] ?? '',
    tests: [...section.matchAll(/^\* `(test\/[\w/.-]+)`: "([^"]+)"/gm)].map(([, file = '', title = '']) => ({
      file,
      title,
    })),
  }))

describe('docs/security.md', () => {
  it('has the ten risks of OWASP, in order', () => {
    expect(risks.map(({ title }) => title.split(' ')[0])).toEqual(Array.from({ length: 10 }, (_, at) => `API${at + 1}`))
  })

  it.each(risks)('names tests for $title, and they are there', ({ tests }) => {
    expect(tests.length).toBeGreaterThan(0)
    const missing = tests.filter(({ file, title }) => !readFileSync(join(root, file), 'utf8').includes(title))
    expect(missing).toEqual([])
  })
})

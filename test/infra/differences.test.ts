// In what `local` differs from `prod`: exactly what the table in docs/decisions.md says, and each row has its test.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findDifferences } from '../support/template-differences.ts'
import { stageOf, synthesise } from './templates.ts'

const root = join(import.meta.dirname, '../..')

type Row = { readonly type: string; readonly names: readonly string[]; readonly test: string }

/** Rows of the table below its heading: `type` | `name`, `name` | local | prod | `file`: title. */
function readTable(): Row[] {
  const text = readFileSync(join(root, 'docs/decisions.md'), 'utf8')
  const [, section = ''] = text.split('\n## Differences between `local` and `prod`\n')
  const [table = ''] = section.split('\n## ')
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `AWS::') || line.startsWith('| `Custom::'))
    .map((line) => {
      const cells = line.split('|').map((cell) => cell.trim())
      const names = [...(cells[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
      return { type: cells[1]?.replaceAll('`', '') ?? '', names, test: cells[5] ?? '' }
    })
}

const differences = (() => {
  const architecture = 'x86_64' as const
  const [local, prod] = [{ ...stageOf('local'), architecture }, stageOf('prod')]
  return findDifferences({ stage: local, stacks: synthesise(local) }, { stage: prod, stacks: synthesise(prod) })
})()
const rows = readTable()

describe('the table of differences', () => {
  test('lists every difference, and none that is not there', () => {
    const listed: Record<string, string[]> = {}
    for (const { type, names } of rows) listed[type] = [...(listed[type] ?? []), ...names].toSorted()
    expect(listed).toEqual(differences)
  })

  test.each(rows)('$type, $names: has its test', ({ test: cell }) => {
    const [, file = '', title = ''] = /^`(test\/[^`]+)`: (.+)$/.exec(cell) ?? []
    expect(existsSync(join(root, file)), cell).toBe(true)
    expect(readFileSync(join(root, file), 'utf8'), cell).toContain(title)
  })
})

// `lib/` stays easy to read: one construct a file, which has its name, and no file above 200 lines.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, '../../lib')
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

const toKebabCase = (name: string) => name.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()

test('no file of lib has more than 200 lines', () => {
  expect(files.length).toBeGreaterThan(40)
  expect(files.filter((name) => read(name).trimEnd().split('\n').length > 200)).toEqual([])
})

test('each construct has a file of its name, and shares it with no other', () => {
  const found = files.flatMap((name) =>
    [...read(name).matchAll(/^(?:export )?class (\w+)\S* extends (?:Construct|Stack)\b/gm)].map(
      ([, construct = '']) => [name, `${toKebabCase(construct)}.ts`] as const,
    ),
  )
  expect(found.length).toBeGreaterThan(25)
  expect(found.filter(([name, expected]) => name !== expected)).toEqual([])
})

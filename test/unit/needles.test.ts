// The search that the proof of erasure rests on finds what is there, in every form, and nothing else.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { findAnyOf, listNeedles } from '../support/needles.ts'

const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-needles-'))
afterAll(() => rmSync(folder, { recursive: true }))

const secret = randomBytes(1000)
const needles = listNeedles({ secret, other: randomBytes(60) })

async function findIn(name: string, content: string | Uint8Array): Promise<string[]> {
  const place = join(folder, name, 'deep')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'file'), content)
  return await findAnyOf(join(folder, name), needles)
}

test.each([
  ['as it is', secret],
  ['a piece of it between others', Buffer.concat([randomBytes(77), secret.subarray(300, 420), randomBytes(5)])],
  ['in hexadecimal', secret.toString('hex')],
  ['in hexadecimal, capital', secret.toString('hex').toUpperCase()],
  ['as numbers', JSON.stringify([...secret])],
  ...[0, 1, 2].flatMap((shift) => {
    const bytes = Buffer.concat([randomBytes(shift), secret])
    return [
      [`in base64, behind ${shift} bytes`, bytes.toString('base64')] as const,
      [`in base64url, behind ${shift} bytes`, bytes.toString('base64url')] as const,
      [`in base64 in JSON of Python, behind ${shift} bytes`, bytes.toString('base64').replaceAll('/', '\\/')] as const,
    ]
  }),
] as const)('found: %s', async (name, content) => {
  expect(await findIn(name, content)).toEqual(['secret'])
})

test('not found: what is something else', async () => {
  expect(await findIn('else', randomBytes(5000))).toEqual([])
})

test('found beside files and folders that come and go meanwhile; without the folder itself nothing is looked for', async () => {
  const place = join(folder, 'busy')
  mkdirSync(place)
  writeFileSync(join(place, 'file'), secret)
  let isOver = false
  const busy = (async () => {
    for (let at = 0; !isOver; at++) {
      mkdirSync(join(place, `folder ${at}`))
      writeFileSync(join(place, `folder ${at}`, 'file'), 'nothing')
      await new Promise(setImmediate)
      rmSync(join(place, `folder ${at}`), { recursive: true })
    }
  })()
  try {
    for (let round = 0; round < 200; round++) expect(await findAnyOf(place, needles)).toEqual(['secret'])
  } finally {
    isOver = true
    await busy
  }
  await expect(findAnyOf(join(place, 'no such folder'), needles)).rejects.toThrow('ENOENT')
})

test('runs of few different bytes are not looked for', () => {
  expect(listNeedles({ zeros: new Uint8Array(100) }).byStart.size).toBe(0)
})

// A short selection of the chaos run, with a small workload: one fault of each kind. The whole is `npm run chaos`.
import { type ChildProcess, execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, inject, it } from 'vitest'
import type { Row } from '../chaos/results.ts'

const folder = mkdtempSync(join(inject('stacksFolder'), 'chaos-'))
const faults = ['kafka-killed', 'kms-throttling', 'wallet-after-commit', 'erase-after-key', 'records-foreign']

let child: ChildProcess | undefined
let ended = Promise.resolve()

afterAll(async () => {
  // It stops its stack before it ends.
  child?.kill('SIGTERM')
  await ended
  rmSync(folder, { recursive: true, force: true })
})

it('loses, doubles, changes and leaves over nothing under some faults, each of which was seen to bite', async () => {
  const program = join(import.meta.dirname, '../chaos/main.ts')
  const flags = ['--only', faults.join(), '--documents', '40', '--state', folder]
  let output = ''
  ended = new Promise((resolve) => {
    child = execFile(
      process.execPath,
      ['--disable-warning=TimeoutNegativeWarning', program, ...flags],
      (_, out, errors) => {
        output = `${out}\n${errors}`
        resolve()
      },
    )
  })
  await ended
  const rows: Row[] = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8'))
  expect(rows.map(({ fault }) => fault).toSorted(), output).toEqual(faults.toSorted())
  for (const row of rows) {
    expect(row, output).toMatchObject({ accepted: 40, lost: 0, doubled: 0, changed: 0, left: 0, failures: [] })
    expect(row.bite, output).not.toBe('')
  }
})

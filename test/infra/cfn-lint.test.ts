// cfn-lint: what it is told to leave out it still finds, and it bites. That it finds nothing else in any stage, `npm run synth` holds.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Finding, isLeftOut, leftOut, lintTemplates } from '../../local/cfn-lint.ts'
import { stageOf, synthesise, type Template } from './templates.ts'

let findings: Readonly<Record<'sound' | 'faulty', readonly Finding[]>>
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
  const write = (name: string, template: Template) => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'service.template.json'), JSON.stringify(template))
    return join(folder, name, 'service.template.json')
  }
  const { service } = synthesise(stageOf('prod'))
  const faulty = structuredClone(service) as { Resources: Record<string, { Properties: Record<string, unknown> }> }
  Object.assign(faulty.Resources.AlarmTopic?.Properties ?? {}, { DisplayName: { Ref: 'Nobody' } })
  const files = [write('sound', service), write('faulty', faulty as unknown as Template)]
  const found = await lintTemplates(files, { say: (text) => console.log(text) })
  const of = (name: string) => found.filter(({ file }) => file.includes(`/${name}/`))
  findings = { sound: of('sound'), faulty: of('faulty') }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('finds nothing in prod but what is left out', () => {
  expect(findings.sound.filter((finding) => !isLeftOut(finding))).toEqual([])
})

test.each(leftOut)('still finds $rule, which is left out', ({ rule, message }) => {
  expect(findings.sound.some((finding) => finding.rule === rule && message.test(finding.message))).toBe(true)
})

test('bites: a reference to nobody', () => {
  expect(findings.faulty.filter((finding) => !isLeftOut(finding))).toMatchObject([
    { rule: 'E1020', path: 'Resources/AlarmTopic/Properties/DisplayName/Ref' },
  ])
})

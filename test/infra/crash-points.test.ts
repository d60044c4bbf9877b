// The points at which a chaos run ends functions are in the bundles of a chaos run, and in no others, whatever the stage.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bundles, bundleFunctions, type FunctionName, functionNames } from '../../lib/bundle.ts'
import { thisMachine } from '../../lib/native-packages.ts'
import { readSettings } from '../../lib/settings.ts'
import { findStage, stageNames } from '../../lib/stage-table.ts'
import { crashPoints } from '../../shared/crash-point.ts'
import { stageOf, synthesise } from './templates.ts'

const project = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
const pointsFolder = join(folder, 'points')
const environment = { CHAOS_FOLDER: pointsFolder, CHAOS_PROXY: 'http://127.0.0.1:1234' }
let [usual, chaotic] = [{} as Bundles, {} as Bundles]

beforeAll(async () => {
  usual = await bundleFunctions(project, join(folder, 'usual'), thisMachine)
  chaotic = await bundleFunctions(project, join(folder, 'chaotic'), thisMachine, { crashPointFolder: pointsFolder })
})
afterAll(() => rmSync(folder, { recursive: true }))

const readCode = (bundles: Bundles, name: FunctionName) => readFileSync(join(bundles[name], 'main.mjs'), 'utf8')
const findPoints = (code: string) => crashPoints.filter((point) => code.includes(point))

test('are in no usual bundle, nor is what ends their own process', () => {
  for (const name of functionNames) {
    const code = readCode(usual, name)
    expect(findPoints(code), name).toEqual([])
    expect(code, name).not.toMatch(/CRASH_POINT_FOLDER|kill\(process\.pid/)
  }
})

test('are in the bundles of a chaos run, each in that of its own function', () => {
  for (const name of functionNames) {
    const own = crashPoints.filter((point) => point.startsWith(`${name}-`))
    // The list of all names is in each bundle that has one of them.
    const called = crashPoints.filter((point) => new RegExp(`\\w\\(["'\`]${point}["'\`]`).test(readCode(chaotic, name)))
    expect(called.toSorted(), name).toEqual(own.toSorted())
    expect(readCode(chaotic, name).includes(pointsFolder), name).toBe(own.length > 0)
  }
})

test('and the proxy are given to `local` alone, whatever the environment says', () => {
  const settings = readSettings(environment)
  for (const name of stageNames) {
    const { chaos } = findStage(name, settings)
    expect(chaos, name).toEqual(
      name === 'local' ? { crashPointFolder: pointsFolder, proxyUrl: 'http://127.0.0.1:1234' } : undefined,
    )
  }
  expect(findStage('local', readSettings({})).chaos).toBeUndefined()
  expect(findStage('local', readSettings({ CHAOS_FOLDER: pointsFolder })).chaos).toBeUndefined()
})

test('the proxy is told to the functions of a chaos run, and to no others', () => {
  const stage = { ...stageOf('local'), chaos: { crashPointFolder: pointsFolder, proxyUrl: 'http://127.0.0.1:1234' } }
  expect(JSON.stringify(synthesise(stage))).toContain('"AWS_ENDPOINT_URL_KMS":"http://127.0.0.1:1234"')
  for (const name of stageNames) expect(JSON.stringify(synthesise(stageOf(name)))).not.toContain('AWS_ENDPOINT_URL')
})

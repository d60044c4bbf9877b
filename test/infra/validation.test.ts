// CDK's own validation of the templates against CloudFormation's schemas: once, since it takes some seconds.
import { expect, test } from 'vitest'
import { readSettings } from '../../lib/settings.ts'
import { findStage, stageNames } from '../../lib/stage-table.ts'
import { localStage, synthesise } from './templates.ts'

test.each(stageNames)('the validation finds nothing in %s', (name) => {
  const { validation } = synthesise(findStage(name, readSettings({})), true)
  expect(JSON.parse(validation ?? '').pluginReports).toEqual([])
})

test('the validation bites: a batch size that only it refuses', () => {
  const stage = { ...localStage(), verificationBatchSize: 20_000 }
  expect(() => synthesise(stage)).not.toThrow()
  expect(() => synthesise(stage, true)).toThrow('BatchSize: 20000')
})

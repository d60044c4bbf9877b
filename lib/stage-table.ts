// The stage table: everything in which one deployment differs from another, as data. A row is a file of its own.
import { type Settings, SettingsError } from './settings.ts'
import type { Stage } from './stage.ts'
import { devStage } from './stage-dev.ts'
import { localStage } from './stage-local.ts'
import { prodStage } from './stage-prod.ts'

const stages = { local: localStage, dev: devStage, prod: prodStage } as const

export const stageNames = Object.keys(stages) as readonly Stage['name'][]

/**
 * The stage of that name.
 *
 * @throws {SettingsError} when there is none.
 */
export function findStage(name: string, settings: Settings): Stage {
  if (!Object.hasOwn(stages, name)) {
    throw new SettingsError(`expected a stage of ${Object.keys(stages).join(', ')}; got "${name}"`)
  }
  return stages[name as keyof typeof stages](settings)
}

// The provision function: takes no input, so that no phrase can ever be in an event.
import type { Log } from '../../shared/log.ts'
import { type ProvisionPorts, type ProvisionResult, provision } from './provision.ts'

export function createHandler(dependencies: ProvisionPorts & { readonly log: Log }) {
  return async (): Promise<ProvisionResult> => {
    const result = await provision(dependencies)
    dependencies.log.info('vault holds a root', { status: result.outcome, keyring_id: result.keyring_id })
    return result
  }
}

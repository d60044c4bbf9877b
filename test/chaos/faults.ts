// Every fault, in the order in which a run goes through them.
import type { Fault } from './fault.ts'
import { erasureFaults } from './faults-erasures.ts'
import { functionFaults } from './faults-functions.ts'
import { recordFaults } from './faults-records.ts'
import { serverFaults } from './faults-servers.ts'
import { serviceFaults } from './faults-services.ts'

export const faults: readonly Fault[] = [
  ...serverFaults,
  ...serviceFaults,
  ...functionFaults,
  ...erasureFaults,
  ...recordFaults,
]

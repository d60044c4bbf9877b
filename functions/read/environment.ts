// The variables that the read function reads.
import * as z from 'zod'
import { databaseEnvironment, metricsEnvironment } from '../../shared/environment.ts'

export const readEnvironment = z.object({ ...databaseEnvironment, ...metricsEnvironment })

export type ReadEnvironment = z.input<typeof readEnvironment>

// The variables that the read function reads.
import * as z from 'zod'
import { databaseEnvironment } from '../../shared/environment.ts'

export const readEnvironment = z.object({ ...databaseEnvironment })

export type ReadEnvironment = z.input<typeof readEnvironment>

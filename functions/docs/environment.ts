// The variables that the docs function reads: none.
import * as z from 'zod'

export const docsEnvironment = z.object({})

export type DocsEnvironment = z.input<typeof docsEnvironment>

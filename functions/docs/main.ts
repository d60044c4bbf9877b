// Wires the docs function: the files beside it. It has no database, no secret, and no right but to log.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLog } from '../../shared/log.ts'
import { createHandler } from './handler.ts'
import { makePage } from './page.ts'

const read = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8')

export const handler = createHandler({
  log: createLog('docs'),
  now: () => new Date(),
  newId: randomUUID,
  contract: read('openapi.json'),
  page: makePage({
    library: read('swagger-ui-bundle.js'),
    style: read('swagger-ui.css'),
    ownScript: read('own.js'),
    ownStyle: read('own.css'),
  }),
})

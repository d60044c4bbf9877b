// Wires the erase function: environment, Postgres, the two buckets. API Gateway calls it, and a schedule.
import { randomUUID } from 'node:crypto'
import { S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { Context } from 'aws-lambda'
import { boundCalls, quickCalls } from '../../shared/aws-clients.ts'
import { crashPoint } from '../../shared/crash-point.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import type { HttpRequest } from '../../shared/http.ts'
import { createDeleteObjects } from '../../shared/kept-documents.ts'
import { createLog } from '../../shared/log.ts'
import { countAnswers, createMetrics, flushAfter } from '../../shared/metrics.ts'
import { openDatabase } from '../../shared/rds.ts'
import { eraseEnvironment } from './environment.ts'
import {
  beginErasure,
  beginOverdueErasures,
  findOldestDue,
  findOpenErasures,
  findStandingDocument,
  markErased,
  setLegalHold,
} from './erase-tables.ts'
import { createHandler, createSweep, type EraseDependencies } from './handler.ts'

const environment = parseEnvironment(eraseEnvironment, process.env)
const database = openDatabase(new SecretsManagerClient(quickCalls), environment, {
  applicationName: 'erase',
  deadline: 4000,
})
// Two calls of two attempts, and the database three times: within the 29 s of the gateway.
const s3 = new S3Client(boundCalls({ attempts: 2, connect: 1000, request: 2500 }))
const deleteDataKeys = createDeleteObjects(s3, environment.DATA_KEY_BUCKET)
const deleteDocuments = createDeleteObjects(s3, environment.DOCUMENT_BUCKET)
const metrics = createMetrics('erase', environment.STAGE)
const now = () => new Date()
const retentionDays = Number(environment.DOCUMENT_RETENTION_DAYS)

const dependencies: EraseDependencies = {
  log: createLog('erase'),
  count: metrics.count,
  measure: metrics.measure,
  now,
  newId: randomUUID,
  retentionDays,
  deleteDataKeys: async (keys) => {
    crashPoint('erase-after-note')
    await deleteDataKeys(keys)
    crashPoint('erase-after-key')
  },
  deleteDocuments: async (keys) => {
    await deleteDocuments(keys)
    crashPoint('erase-after-copy')
  },
  findStandingDocument: (id) => database.run((sql) => findStandingDocument(sql, id)),
  beginErasure: (id, at) => database.run((sql) => beginErasure(sql, id, at)),
  markErased: (ids, at) => database.run((sql) => markErased(sql, ids, at)),
  setLegalHold: (id, hold) => database.run((sql) => setLegalHold(sql, id, hold)),
  beginOverdueErasures: (options) => database.run((sql) => beginOverdueErasures(sql, options)),
  findOpenErasures: (after, limit) => database.run((sql) => findOpenErasures(sql, after, limit)),
  findOldestDue: () => database.run((sql) => findOldestDue(sql, retentionDays, now())),
}

const answer = countAnswers(metrics, createHandler(dependencies))
const sweep = flushAfter(metrics, createSweep(dependencies))

/** Requests are told by what the schedule's event has not. */
export const handler = (event: HttpRequest | object, context: Context) =>
  'httpMethod' in event ? answer(event, context) : sweep()

// Wires the read function: environment and Postgres, under a role that can only read.
import { randomUUID } from 'node:crypto'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { findHeartbeats } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { countAnswers, createMetrics } from '../../shared/metrics.ts'
import { openDatabase } from '../../shared/rds.ts'
import { findVerification } from '../../shared/verifications.ts'
import { findWallet, findWalletByAddress, findWallets } from '../../shared/wallets.ts'
import { readEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'

const environment = parseEnvironment(readEnvironment, process.env)
const database = openDatabase(new SecretsManagerClient(quickCalls), environment, {
  applicationName: 'read',
  deadline: 5000,
})

const handle = createHandler({
  log: createLog('read'),
  now: () => new Date(),
  newId: randomUUID,
  findVerification: (id) => database.run((sql) => findVerification(sql, id)),
  findWallets: (userId) => database.run((sql) => findWallets(sql, userId)),
  findWallet: (userId, network, addressType) => database.run((sql) => findWallet(sql, userId, network, addressType)),
  findWalletByAddress: (network, address) => database.run((sql) => findWalletByAddress(sql, network, address)),
  findHeartbeats: () => database.run(findHeartbeats),
})

export const handler = countAnswers(createMetrics('read', environment.STAGE), handle)

// Wires the read function: environment and Postgres, under a role that can only read.
import { randomUUID } from 'node:crypto'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { findHeartbeats } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { countAnswers, createMetrics } from '../../shared/metrics.ts'
import type { AddressType, Network } from '../../shared/model.ts'
import { openDatabase } from '../../shared/rds.ts'
import { findWallet, findWalletByAddress, findWallets } from '../../shared/wallets.ts'
import { readEnvironment } from './environment.ts'
import { findInspectedVerification } from './find-verification.ts'
import { createHandler } from './handler.ts'
import { type MemoryPorts, rememberWallets } from './remember-wallets.ts'

const environment = parseEnvironment(readEnvironment, process.env)
const database = openDatabase(new SecretsManagerClient(quickCalls), environment, {
  applicationName: 'read',
  deadline: 5000,
})

const metrics = createMetrics('read', environment.STAGE)
const now = () => new Date()
const memory = {
  now,
  count: (answeredBy) => metrics.count('wallet_reads', 1, { answered_by: answeredBy }),
} satisfies MemoryPorts

const handle = createHandler({
  log: createLog('read'),
  now,
  newId: randomUUID,
  findVerification: (id) => database.run((sql) => findInspectedVerification(sql, id)),
  findWallets: (userId) => database.run((sql) => findWallets(sql, userId)),
  findWallet: rememberWallets(
    (userId: string, network: Network, type: AddressType) =>
      database.run((sql) => findWallet(sql, userId, network, type)),
    memory,
  ),
  findWalletByAddress: rememberWallets(
    (network: Network, address: string) => database.run((sql) => findWalletByAddress(sql, network, address)),
    memory,
  ),
  findHeartbeats: () => database.run(findHeartbeats),
})

export const handler = countAnswers(metrics, handle)

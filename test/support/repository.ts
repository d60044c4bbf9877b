// Every piece of SQL that a function runs, with arguments to run it with, and which functions' roles run it.
import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { runAnnounceTransaction } from '../../functions/announce/announce-tables.ts'
import { readBacklog } from '../../functions/announce/backlog.ts'
import { forgetExpired } from '../../functions/announce/forget.ts'
import { lockWaiting, markReleased } from '../../functions/announce/waiting.ts'
import {
  beginErasure,
  beginOverdueErasures,
  findOldestDue,
  findOpenErasures,
  findStandingDocument,
  markErased,
  setLegalHold,
} from '../../functions/erase/erase-tables.ts'
import { expectUpload, keepUploadOpen } from '../../functions/intake/expect-upload.ts'
import { claimKey, keepAnswer, releaseKey, takeToken } from '../../functions/intake/limit-tables.ts'
import { registerUpload, type Upload } from '../../functions/intake/register-upload.ts'
import {
  findHandled,
  findQuarantined,
  loadQuarantined,
  noteHandled,
} from '../../functions/operate/dead-letter-tables.ts'
import { findVaultUse } from '../../functions/operate/vault-use.ts'
import { findInspectedVerification } from '../../functions/read/find-verification.ts'
import { commitArrival } from '../../functions/verification/commit-arrival.ts'
import { lockEarlier, noteDocument, openEarlier } from '../../functions/verification/upload-tables.ts'
import { classifyRecord } from '../../functions/wallet/records.ts'
import { type IssuedWallet, reserveAccounts, runWalletTransaction } from '../../functions/wallet/wallet-tables.ts'
import type { Sql } from '../../shared/database.ts'
import { findHeartbeats, writeHeartbeat } from '../../shared/heartbeats.ts'
import {
  beginInspection,
  closeReplaced,
  extendVerified,
  findKeptAttempts,
  findVerification,
  lockUnannouncedVerifications,
  makeDuplicate,
  markVerificationsAnnounced,
} from '../../shared/verifications.ts'
import {
  findWallet,
  findWalletByAddress,
  findWallets,
  lockUnannouncedWallets,
  markWalletsAnnounced,
} from '../../shared/wallets.ts'
import type { FunctionRole } from './database.ts'
import { makeVerification, makeWallet, noon } from './fakes.ts'
import { commit, register, toVerified } from './uploads.ts'
import { keyring, makeKafkaRecord, makeVerifiedRecord } from './wallet-records.ts'

export type RepositoryCall = {
  readonly name: string
  /** Runs all of its statements, on a database that is empty or holds what a call before left. */
  readonly work: (sql: Sql) => Promise<unknown>
  /** Those whose functions run it. */
  readonly runBy: readonly FunctionRole[]
  /** Others whose grants suffice for it by themselves. */
  readonly alsoAllowed?: readonly FunctionRole[]
}

const record = makeVerifiedRecord('user-2', 'tron')
const keyed = { id: Buffer.alloc(32, 1), fingerprint: Buffer.alloc(32, 2), holder: randomUUID() }
const place = { topic: 't', partition: 0, offset: 0, recorded_at: noon.toISOString() }
const upload: Omit<Upload, 'id'> = {
  ...{ userId: 'user-1', network: 'tron', addressType: 'base58check', requestId: 'request-1', now: noon },
  documentSha256: Buffer.alloc(32),
}

async function writeWallet(sql: Sql): Promise<void> {
  await runWalletTransaction(sql, async (tables) => {
    await tables.insertAccounts([{ userId: 'user-2', accountIndex: 1 }], 1, noon)
    expect(await tables.findAccounts(['user-2'], 1)).toEqual(new Map([['user-2', 1]]))
    const classified = classifyRecord(record)
    if (!('event' in classified)) return expect.unreachable()
    const { path, address, publicKey, accountXpub } = keyring.derive('tron', 'base58check', 1)
    const wallet: IssuedWallet = {
      ...{ userId: 'user-2', network: 'tron', addressType: 'base58check', keyringId: 1, accountIndex: 1 },
      ...{ derivationPath: path, address, publicKey, accountXpub, sourceEventId: classified.event.event_id },
      ...{ sourceTopic: 't', sourcePartition: 0, sourceOffset: 0, requestId: 'request-1', createdAt: noon },
    }
    expect(await tables.insertWallets([wallet])).toBe(1)
    expect(await tables.findContradictions([{ verified: classified, wallet }])).toEqual([])
  })
}

/** Everything. A test looks for statements in the functions that no call here runs. */
export const repository: readonly RepositoryCall[] = [
  {
    name: 'registerUpload',
    // The second time there is a row, which is opened again, and is in the way the third time.
    work: async (sql) => {
      await register(sql, { ...upload, id: randomUUID() })
      await sql.unsafe(`update verification.verifications set status = 'expired' where user_id = 'user-1'`)
      await register(sql, { ...upload, id: randomUUID() })
      await registerUpload(sql, { ...upload, id: randomUUID(), documentSha256: Buffer.alloc(32, 1) }, 1000)
    },
    runBy: ['app_intake'],
  },
  {
    name: 'expectUpload, keepUploadOpen',
    // The second time it is expected already.
    work: async (sql) => {
      const { documentSha256: _, ...asked } = upload
      const terms = { contentType: 'image/png', size: 9, expiresAt: noon }
      const expected = { ...asked, ...terms, network: 'ethereum', addressType: 'eip55' } as const
      for (let time = 0; time < 2; time++) await expectUpload(sql, { ...expected, id: randomUUID() }, 1000)
      await keepUploadOpen(sql, randomUUID(), { now: noon, expiresAt: noon })
    },
    runBy: ['app_intake'],
  },
  {
    name: 'extendVerified',
    work: (sql) =>
      extendVerified(sql, {
        ...{ id: randomUUID(), userId: 'user-1', network: 'bitcoin', addressType: 'p2tr', requestId: 'r', now: noon },
      }),
    runBy: ['app_intake'],
  },
  {
    name: 'takeToken',
    work: (sql) => takeToken(sql, keyed.id, { capacity: 1, refillPerSecond: 1 }),
    runBy: ['app_intake'],
  },
  {
    name: 'claimKey',
    // The second time it is taken.
    work: async (sql) => {
      await claimKey(sql, keyed)
      await claimKey(sql, { ...keyed, holder: randomUUID() })
    },
    runBy: ['app_intake'],
  },
  {
    name: 'keepAnswer',
    work: (sql) => keepAnswer(sql, keyed, { status: 202, contentType: 'application/json', location: null, body: '{}' }),
    runBy: ['app_intake'],
  },
  { name: 'releaseKey', work: (sql) => releaseKey(sql, keyed), runBy: ['app_intake'] },
  { name: 'readBacklog', work: readBacklog, runBy: ['app_announce'] },
  {
    name: 'takeTurn, and all that is asked of what is overdue',
    work: (sql) =>
      runAnnounceTransaction(sql, async (tables) => {
        expect(await tables.takeTurn()).toBe(true)
        await tables.noteMissingWallets(noon, noon, 1)
        await tables.noteMissingVerdicts(noon, { now: noon, nextAt: noon }, 1)
        await tables.noteUploadsNotCome(noon, 1)
        const id = randomUUID()
        for (const missing of ['wallet', 'verdict'] as const) {
          await tables.strikeSettled(missing)
          await tables.lockDue(missing, { now: noon, farthest: noon, limit: 1, onTheirWay: 1 })
          await tables.noteTries(missing, [{ verificationId: id, tries: 1, nextAt: noon, givenUpAt: null }])
          await tables.strike(missing, [id])
        }
        await tables.findWaiting(['x'])
      }),
    runBy: ['app_announce'],
  },
  { name: 'findVaultUse', work: (sql) => findVaultUse(sql, 1), runBy: ['app_operate'] },
  {
    name: 'findQuarantined',
    work: async (sql) => {
      const page = { after: undefined, limit: 1, withBytes: true }
      await findQuarantined(sql, {}, page)
      await findQuarantined(sql, { user_id: 'user-1', offset: 0 }, { ...page, after: place, withBytes: false })
    },
    runBy: ['app_operate'],
  },
  { name: 'loadQuarantined', work: (sql) => loadQuarantined(sql, [place]), runBy: ['app_operate'] },
  { name: 'findHandled', work: (sql) => findHandled(sql, 'topic', [place]), runBy: ['app_operate'] },
  {
    name: 'noteHandled',
    work: async (sql) => {
      const note = { how: 'discarded', because: 'test', by: 'arn', at: noon, requestId: 'request-1' } as const
      await noteHandled(sql, { ...note, source: 'quarantine', places: [place] })
      await noteHandled(sql, { ...note, source: 'queue', messageIds: ['m'] })
    },
    runBy: ['app_operate'],
  },
  { name: 'forgetExpired', work: (sql) => forgetExpired(sql, 1), runBy: ['app_announce'] },
  {
    name: 'findVerification',
    work: (sql) => findVerification(sql, randomUUID()),
    runBy: ['app_verification'],
    alsoAllowed: ['app_intake', 'app_announce', 'app_read'],
  },
  {
    name: 'findInspectedVerification',
    work: (sql) => findInspectedVerification(sql, randomUUID()),
    runBy: ['app_read'],
  },
  {
    name: 'findKeptAttempts',
    work: (sql) => findKeptAttempts(sql, randomUUID()),
    runBy: ['app_verification'],
    alsoAllowed: ['app_erase'],
  },
  { name: 'findStandingDocument', work: (sql) => findStandingDocument(sql, randomUUID()), runBy: ['app_erase'] },
  { name: 'beginErasure', work: (sql) => beginErasure(sql, randomUUID(), noon), runBy: ['app_erase'] },
  { name: 'markErased', work: (sql) => markErased(sql, [randomUUID()], noon), runBy: ['app_erase'] },
  { name: 'setLegalHold', work: (sql) => setLegalHold(sql, randomUUID(), true), runBy: ['app_erase'] },
  {
    name: 'beginOverdueErasures',
    work: (sql) => beginOverdueErasures(sql, { keptBefore: noon, now: noon, limit: 1 }),
    runBy: ['app_erase'],
  },
  {
    name: 'findOpenErasures',
    work: (sql) => findOpenErasures(sql, undefined, 1),
    runBy: ['app_erase'],
    alsoAllowed: ['app_verification'],
  },
  {
    name: 'findOldestDue',
    work: (sql) => findOldestDue(sql, 1, noon),
    runBy: ['app_erase'],
    alsoAllowed: ['app_verification'],
  },
  {
    name: 'beginInspection',
    work: (sql) => beginInspection(sql, randomUUID(), 1),
    runBy: ['app_verification'],
  },
  {
    name: 'closeReplaced',
    work: (sql) => closeReplaced(sql, randomUUID(), 1),
    runBy: ['app_verification'],
  },
  {
    name: 'commitVerdict',
    work: (sql) => commit(sql, makeVerification().id, 1, toVerified()),
    runBy: ['app_verification'],
  },
  {
    name: 'commitArrival, and all that is asked of an upload',
    work: async (sql) => {
      const arrival = { id: randomUUID(), attempt: 1, documentSha256: upload.documentSha256 }
      expect(await commitArrival(sql, arrival, toVerified())).toBeUndefined()
      await lockEarlier(sql, makeVerification(), arrival.documentSha256)
      await noteDocument(sql, arrival)
      await makeDuplicate(sql, arrival.id, arrival.id, noon)
      await openEarlier(sql, makeVerification(), arrival.id)
    },
    runBy: ['app_verification'],
  },
  {
    name: 'markVerificationsAnnounced',
    work: (sql) => markVerificationsAnnounced(sql, [randomUUID()], noon),
    runBy: ['app_verification', 'app_announce'],
  },
  {
    name: 'lockUnannouncedVerifications',
    work: (sql) => lockUnannouncedVerifications(sql, noon, 1),
    runBy: ['app_announce'],
    alsoAllowed: ['app_intake', 'app_verification'],
  },
  {
    name: 'findWallets',
    work: (sql) => findWallets(sql, 'user-1'),
    runBy: ['app_read'],
    alsoAllowed: ['app_wallet', 'app_announce'],
  },
  {
    name: 'findWallet',
    work: (sql) => findWallet(sql, 'user-1', 'tron', 'base58check'),
    runBy: ['app_read'],
    alsoAllowed: ['app_wallet', 'app_announce'],
  },
  {
    name: 'findWalletByAddress',
    work: (sql) => findWalletByAddress(sql, 'tron', 'T'),
    runBy: ['app_read'],
    alsoAllowed: ['app_wallet', 'app_announce'],
  },
  { name: 'lockUnannouncedWallets', work: (sql) => lockUnannouncedWallets(sql, 1), runBy: ['app_announce'] },
  {
    name: 'markWalletsAnnounced',
    work: (sql) => markWalletsAnnounced(sql, [makeWallet()], noon),
    runBy: ['app_announce'],
  },
  {
    name: 'lockWaiting',
    work: (sql) => lockWaiting(sql, { rootExists: true, now: noon, limit: 1 }),
    runBy: ['app_announce'],
  },
  {
    name: 'markReleased',
    work: (sql) =>
      markReleased(
        sql,
        [{ topic: 't', partition: 0, offset: '0', recordedAt: noon, key: null, value: Buffer.from(''), headers: {} }],
        noon,
      ),
    runBy: ['app_announce'],
  },
  {
    name: 'reserveAccounts',
    work: (sql) => reserveAccounts(sql, ['user-1', 'user-2'], 1),
    runBy: ['app_wallet'],
  },
  {
    name: 'insertAccounts, findAccounts, insertWallets and findContradictions',
    work: writeWallet,
    runBy: ['app_wallet'],
  },
  {
    name: 'quarantine',
    work: (sql) =>
      runWalletTransaction(sql, (tables) =>
        tables.quarantine([{ record: makeKafkaRecord({ value: 'x' }), reason: 'x' }], noon),
      ),
    runBy: ['app_wallet'],
  },
  {
    name: 'park',
    work: (sql) => runWalletTransaction(sql, (tables) => tables.park([record], 'no_root', noon)),
    runBy: ['app_wallet'],
  },
  {
    name: 'findHeartbeats',
    work: findHeartbeats,
    runBy: ['app_announce', 'app_read'],
    alsoAllowed: ['app_intake', 'app_verification', 'app_wallet', 'app_operate'],
  },
  {
    name: 'writeHeartbeat',
    work: (sql) => writeHeartbeat(sql, { part: 'kafka', status: 'ok', seenAt: noon }),
    runBy: ['app_intake', 'app_verification', 'app_wallet', 'app_announce'],
  },
]

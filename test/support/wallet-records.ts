// Records of user.verified as the wallet function gets them, and a keyring to issue from.
import { randomUUID } from 'node:crypto'
import { type DerivedAddress, type Keyring, openRoot } from '../../functions/wallet/derivation.ts'
import { type IssueWalletsPorts, issueWallets } from '../../functions/wallet/issue-wallets.ts'
import { createTablePorts } from '../../functions/wallet/wallet-tables.ts'
import type { Database } from '../../shared/database.ts'
import { type EventRecord, toUserVerified } from '../../shared/events.ts'
import type { KafkaRecord, MskEvent } from '../../shared/kafka-records.ts'
import { type AddressType, addressTypes, type Network } from '../../shared/model.ts'
import { createMemoryLog, makeVerification, noon, tryOnce } from './fakes.ts'

/** Published in BIP-39: anyone has its keys. 24 words. */
export const phrase = Buffer.from(`${'abandon '.repeat(23)}art`)

const root = openRoot(phrase, 1, 'mainnet')
export const { commitment } = root
const derived = new Map<string, DerivedAddress>()

/** The keyring of the phrase. Derives each address once: the tests issue the same ones again and again. */
export const keyring: Keyring = {
  ...root.keyring,
  derive: (network, addressType, account) => {
    const key = `${network} ${addressType} ${account}`
    const address = derived.get(key) ?? root.keyring.derive(network, addressType, account)
    derived.set(key, address)
    return address
  },
}

/** The event that a verification of this user announces. */
export function makeUserVerified(
  userId: string,
  network: Network,
  addressType: AddressType = addressTypes[network][0],
): EventRecord {
  return toUserVerified({
    ...makeVerification({ id: randomUUID(), userId, network, addressType, status: 'verified' }),
    verifiedAt: noon,
  })
}

let nextOffset = 0

/** A record with that content, each at an offset of its own. */
export function makeKafkaRecord(content: {
  readonly key?: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers?: Readonly<Record<string, string>>
  readonly partition?: number
}): KafkaRecord {
  const { key = null, value, headers = {}, partition = 0 } = content
  return {
    topic: 'user.verified',
    partition,
    offset: nextOffset++,
    recordedAt: noon,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.entries(headers).map(([name, text]) => [name, Buffer.from(text).toString('base64')]),
  }
}

/** A record of a verified user. */
export function makeVerifiedRecord(
  userId: string,
  network: Network,
  partition = 0,
  addressType: AddressType = addressTypes[network][0],
): KafkaRecord {
  return makeKafkaRecord({ ...makeUserVerified(userId, network, addressType), partition })
}

/** What Lambda is called with for these records. */
export function toMskEvent(records: readonly KafkaRecord[]): MskEvent {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const byPartition = Map.groupBy(records, ({ topic, partition }) => `${topic}-${partition}`)
  return {
    records: Object.fromEntries(
      [...byPartition].map(([partition, same]) => [
        partition,
        same.map(({ topic, partition, offset, recordedAt, key, value, headers }) => ({
          ...{ topic, partition, offset, timestamp: recordedAt.getTime() },
          ...(key ? { key: base64(key) } : {}),
          ...(value ? { value: base64(value) } : {}),
          headers: headers.map(([name, text]) => ({ [name]: [...Int8Array.from(Buffer.from(text, 'base64'))] })),
        })),
      ]),
    ),
  }
}

/** The ports of issuing, on that database, with an open vault. */
export function makeIssuePorts(database: Database, overrides: Partial<IssueWalletsPorts> = {}): IssueWalletsPorts {
  return {
    log: createMemoryLog(),
    now: () => noon,
    count: () => {},
    // Only the first record of a batch is derived a second time.
    random: () => 0.5,
    openKeyring: async () => ({ state: 'open', keyring }),
    retry: tryOnce,
    ...createTablePorts(database),
    ...overrides,
  }
}

/** Issues the wallets of these records, as the wallet function does. */
export const issue = (
  database: Database,
  records: readonly KafkaRecord[],
  overrides: Partial<IssueWalletsPorts> = {},
) => issueWallets(makeIssuePorts(database, overrides), records)

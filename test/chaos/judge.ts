// Whether what was seen keeps the promises. Pure: of what was accepted and what was observed, it tells what was lost, doubled
// or changed.
import { type Observation, type SeenEvent, type SeenVerification, type SeenWallet, toWalletKey } from './observe.ts'
import type { Acceptance } from './workload.ts'

export type Judgement = {
  /**
   * Documents that a client saw a 202 for, and that have neither a wallet that can be read and was announced, nor a rejection;
   * and documents of verified users that are not kept, or can be opened by nobody.
   */
  readonly lost: readonly string[]
  /** Users with two addresses, addresses or indices of two users, wallets of nobody, second events. */
  readonly doubled: readonly string[]
  /** Addresses that are others than before or elsewhere, and repetitions that differ. */
  readonly changed: readonly string[]
  /** Originals, copies and data keys that should be gone. */
  readonly left: readonly string[]
}

/** Groups of more than one. */
function findShared<Item>(items: readonly Item[], key: (item: Item) => string): [string, Item[]][] {
  return [...Map.groupBy(items, key)].filter(([, group]) => group.length > 1)
}

function findLost(acceptances: readonly Acceptance[], seen: Observation): string[] {
  const rows = new Map(seen.verifications.map((row) => [row.id, row]))
  const wallets = new Map(seen.wallets.map((wallet) => [toWalletKey(wallet), wallet]))
  const created = new Set(
    seen.events.filter(({ topic }) => topic === 'wallet.created').flatMap((event) => toKeyOf(event) ?? []),
  )
  /** By document: the verification that answers it now. */
  const newest = new Map(
    acceptances.toSorted((a, b) => a.at - b.at).map((each) => [each.upload.sha256, each.verificationId]),
  )
  return acceptances.flatMap(({ upload, verificationId }) => {
    const who = `${upload.userId} (${verificationId})`
    const row = rows.get(verificationId)
    if (row === undefined) return [`${who}: there is no row any more`]
    if (row.status === 'rejected' && upload.kind === 'cut') return []
    // Sent again as its reasons asked, and answered by another verification of the user: that one is judged.
    if (row.retriable && newest.get(upload.sha256) !== verificationId) return []
    if (row.status !== 'verified') return [`${who}: its ${upload.kind} document is ${row.status}`]
    if (upload.kind === 'cut') return [`${who}: its cut document is verified`]
    const key = toWalletKey(upload)
    if (!wallets.has(key)) return [`${who}: verified, and no wallet`]
    if (seen.answers.get(key) === undefined) return [`${who}: GET /wallet knows no wallet`]
    return created.has(key) ? [] : [`${who}: no wallet.created`]
  })
}

function findUnreadable({ documents, objects, unopened }: Observation): string[] {
  const [copies, dataKeys] = [new Set(objects.copies), new Set(objects.dataKeys)]
  return documents.flatMap(({ userId, status, isExtended, object, erasure }) => {
    if (status !== 'verified' || isExtended || erasure !== 'none') return []
    if (object === null) return [`${userId}: verified, and nothing is kept`]
    if (!copies.has(object)) return [`${userId} (${object}): kept, and its copy is gone`]
    if (!dataKeys.has(object)) return [`${userId} (${object}): kept, and its data key is gone`]
    const why = unopened.get(object)
    return why === undefined ? [] : [`${userId} (${object}): kept, and does not open: ${why}`]
  })
}

/** An original stays until its attempt has a verdict; also when that expired, since it may be on its way. */
const mayBeThere = ['pending', 'processing', 'expired']

function findLeft({ documents, objects }: Observation): string[] {
  const rows = new Map(documents.map((row) => [row.id, row]))
  const kept = new Set(documents.flatMap(({ object, erasure }) => (erasure === 'none' ? object : [])))
  const awaited = new Set(
    documents.flatMap(({ id, attempt, status }) => (mayBeThere.includes(status) ? `${id}/${attempt}` : [])),
  )
  const describe = (object: string) => {
    const row = rows.get(object.split('/')[0] ?? '')
    return row ? `${row.userId} (${object}), ${row.status} after ${row.attempt} attempts` : `nobody (${object})`
  }
  return [
    ...objects.originals.filter((object) => !awaited.has(object)).map((object) => `original of ${describe(object)}`),
    ...objects.copies.filter((object) => !kept.has(object)).map((object) => `copy of ${describe(object)}`),
    ...objects.dataKeys.filter((object) => !kept.has(object)).map((object) => `data key of ${describe(object)}`),
    ...documents.flatMap(({ userId, erasure }) => (erasure === 'begun' ? `${userId}: not erased to the end` : [])),
  ]
}

/** Undefined for what is no event of ours, which faults put there. */
function parseEvent({ value }: SeenEvent): Readonly<Record<string, unknown>> | undefined {
  try {
    const event: unknown = JSON.parse(value)
    return typeof event === 'object' && event !== null ? (event as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** All bytes of it. */
function describeEvent({ topic, key, value, headers }: SeenEvent): string {
  const told = Object.entries(headers).map(([name, given]) => [name, String(given)])
  return JSON.stringify([topic, key, value, told.toSorted()])
}

function toKeyOf(event: SeenEvent): string | undefined {
  const parsed = parseEvent(event)
  return parsed && toWalletKey({ userId: String(parsed.user_id), network: String(parsed.network) })
}

function findDoubled(seen: Observation): string[] {
  const { wallets, accounts, verifications } = seen
  const verified = new Set(verifications.filter(({ status }) => status === 'verified').map(toWalletKey))
  const prefixes = new Set(verifications.map(({ userId }) => userId))
  const created = seen.events.filter(({ topic }) => topic === 'wallet.created')
  const ids = findShared(
    [...new Set(created.map((event) => `${toKeyOf(event)} ${parseEvent(event)?.event_id}`))],
    (text) => text.slice(0, text.lastIndexOf(' ')),
  )
  return [
    ...findShared(wallets, (wallet) => `${toWalletKey(wallet)} ${wallet.addressType}`).map(
      ([key]) => `${key}: more than one wallet`,
    ),
    ...findShared(wallets, ({ network, address }) => `${network} ${address}`).map(([key]) => `${key}: of two users`),
    ...findShared(accounts, ({ accountIndex }) => String(accountIndex)).map(
      ([index]) => `index ${index}: of two users`,
    ),
    ...findShared(accounts, ({ userId }) => userId).map(([userId]) => `${userId}: two accounts`),
    ...findShared([...new Set(wallets.map(({ userId, accountIndex }) => `${userId} ${accountIndex}`))], (text) =>
      text.slice(0, text.lastIndexOf(' ')),
    ).map(([userId]) => `${userId}: wallets of two accounts`),
    ...wallets
      .filter((wallet) => prefixes.has(wallet.userId) && !verified.has(toWalletKey(wallet)))
      .map((wallet) => `${toWalletKey(wallet)}: a wallet of nobody who is verified`),
    ...ids.map(([key]) => `${key}: wallet.created with two event ids`),
  ]
}

function findChanged(seen: Observation, before: readonly SeenWallet[]): string[] {
  const toFullKey = (wallet: SeenWallet) => `${toWalletKey(wallet)} ${wallet.addressType}`
  const toIssued = (wallet: SeenWallet) => `${wallet.address} ${wallet.path} ${wallet.accountIndex}`
  const now = new Map(seen.wallets.map((wallet) => [toFullKey(wallet), toIssued(wallet)]))
  const addresses = new Map(seen.wallets.map((wallet) => [toWalletKey(wallet), wallet.address]))
  const differing = findShared(
    [...new Map(seen.events.map((event) => [describeEvent(event), event])).values()],
    (event) => String(parseEvent(event)?.event_id),
  )
  return [
    ...before
      .filter((wallet) => now.get(toFullKey(wallet)) !== toIssued(wallet))
      .map((wallet) => `${toFullKey(wallet)}: was ${toIssued(wallet)}, is ${now.get(toFullKey(wallet)) ?? 'gone'}`),
    ...[...seen.answers].flatMap(([key, address]) =>
      address === undefined || address === addresses.get(key) ? [] : [`${key}: GET /wallet answers another address`],
    ),
    ...seen.events
      .filter(({ topic }) => topic === 'wallet.created')
      .filter((event) => parseEvent(event)?.wallet_address !== addresses.get(toKeyOf(event) ?? ''))
      .map((event) => `${toKeyOf(event)}: wallet.created tells another address`),
    ...differing.map(([id]) => `event ${id}: published with different bytes`),
  ]
}

/** @param before every wallet that stood when the fault began */
export function judge(acceptances: readonly Acceptance[], seen: Observation, before: readonly SeenWallet[]): Judgement {
  return {
    lost: [...findLost(acceptances, seen), ...findUnreadable(seen)],
    ...{ doubled: findDoubled(seen), changed: findChanged(seen, before), left: findLeft(seen) },
  }
}

/** The good documents whose verdict asks for them once more: a client sends them again. */
export function findToRepeat(
  acceptances: readonly Acceptance[],
  verifications: readonly SeenVerification[],
): Acceptance['upload'][] {
  const retriable = new Set(verifications.filter((row) => row.retriable).map((row) => row.id))
  const again = acceptances.filter(
    ({ upload, verificationId }) => upload.kind === 'good' && retriable.has(verificationId),
  )
  return [...new Map(again.map(({ upload }) => [upload.sha256, upload])).values()]
}

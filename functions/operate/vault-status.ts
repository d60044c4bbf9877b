// The use case of `vault-status`: what is known of the root without opening it. Neither secret nor ciphertext is answered.
import { DeletedSecretError, UnavailableError } from '../../shared/errors.ts'
import type { Heartbeat } from '../../shared/heartbeats.ts'
import { parseVaultRecord } from '../../shared/vault.ts'

/** What the database knows of the vault's use. */
export type VaultUse = {
  /** What the wallet function last saw of the vault. */
  readonly heartbeat: Heartbeat | undefined
  /** The highest account index of the keyring; undefined when no wallet was issued from it. */
  readonly highestAccountIndex: number | undefined
  /** Records that wait, by cause. */
  readonly waiting: Readonly<Record<string, number>>
}

export type VaultStatusPorts = {
  /** `of-record`, `none`, or a commitment of 64 hex digits. */
  readonly expectedRoot: string
  /** The text of the vault's secret; undefined when it is empty. @throws {DeletedSecretError} */
  readonly readRecord: () => Promise<string | undefined>
  readonly describeKey: () => Promise<{ readonly state: string; readonly deletionDate: Date | undefined }>
  /** @throws {UnavailableError} when the database is away */
  readonly findUse: (keyringId: number) => Promise<VaultUse>
}

/**
 * `ready`: a root is there, the stage table names it, its key works. `no_root`: nothing was imported. `not_in_stage_table`:
 * imported, but the table says `none`, so nothing is opened. `other_root`: the table names another. `key_unusable`: it
 * cannot be unwrapped. `record_unreadable`: what the secret holds is no record. `record_deleted`: the secret is marked for
 * deletion, and can be restored.
 */
export type VaultVerdict =
  | 'ready'
  | 'no_root'
  | 'not_in_stage_table'
  | 'other_root'
  | 'key_unusable'
  | 'record_unreadable'
  | 'record_deleted'

/** As it is answered. The master fingerprint is not here: no record holds it, and nobody but the wallet function can tell it. */
export type VaultStatus = {
  readonly verdict: VaultVerdict
  readonly keyring_id: number | null
  readonly root_commitment: string | null
  readonly expected_root_commitment: string
  readonly key: { readonly state: string; readonly deletion_date: string | null }
  /** Null when the database is away. */
  readonly use: {
    readonly wallet_function: { readonly status: Heartbeat['status']; readonly seen_at: string } | null
    readonly highest_account_index: number | null
    readonly waiting_records: Readonly<Record<string, number>>
  } | null
}

/** A keyring is one mnemonic; until there is a record, what would be the first is looked at. */
const firstKeyring = 1

export async function readVaultStatus(ports: VaultStatusPorts): Promise<VaultStatus> {
  const [text, key] = await Promise.all([readRecord(ports), ports.describeKey()])
  const record = typeof text === 'string' ? readPublicPart(text) : undefined
  const use = await ports.findUse(record?.keyring_id ?? firstKeyring).catch((error: unknown) => {
    // A database that is away is told, and hides nothing of the vault.
    if (error instanceof UnavailableError) return undefined
    throw error
  })
  return {
    verdict:
      text === deleted
        ? 'record_deleted'
        : judge(text === undefined, record?.root_commitment, ports.expectedRoot, key.state),
    keyring_id: record?.keyring_id ?? null,
    root_commitment: record?.root_commitment ?? null,
    expected_root_commitment: ports.expectedRoot,
    key: { state: key.state, deletion_date: key.deletionDate?.toISOString() ?? null },
    use: use
      ? {
          wallet_function: use.heartbeat
            ? { status: use.heartbeat.status, seen_at: use.heartbeat.seenAt.toISOString() }
            : null,
          highest_account_index: use.highestAccountIndex ?? null,
          waiting_records: use.waiting,
        }
      : null,
  }
}

const deleted = Symbol('deleted')

async function readRecord(ports: VaultStatusPorts): Promise<string | typeof deleted | undefined> {
  try {
    return await ports.readRecord()
  } catch (error) {
    if (error instanceof DeletedSecretError) return deleted
    throw error
  }
}

/** Undefined when it is no record. */
function readPublicPart(text: string): { keyring_id: number; root_commitment: string } | undefined {
  try {
    const { keyring_id, root_commitment } = parseVaultRecord(text)
    return { keyring_id, root_commitment }
  } catch {
    return undefined
  }
}

function judge(isEmpty: boolean, commitment: string | undefined, expected: string, keyState: string): VaultVerdict {
  if (isEmpty) return 'no_root'
  if (commitment === undefined) return 'record_unreadable'
  if (expected === 'none') return 'not_in_stage_table'
  if (expected !== 'of-record' && expected !== commitment) return 'other_root'
  return keyState === 'Enabled' ? 'ready' : 'key_unusable'
}

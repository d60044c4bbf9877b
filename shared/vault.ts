// The vault's record: the phrase under AES-256-GCM, its data key wrapped by KMS. Who may unwrap is in the key policy.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import * as z from 'zod'
import { IntegrityError } from './errors.ts'

/** Canonical base64, so that no two texts are the same bytes. */
const base64 = (length?: number) =>
  z.base64().refine((text) => {
    const bytes = Buffer.from(text, 'base64')
    return bytes.toString('base64') === text && (length === undefined || bytes.length === length)
  })

/** What the secret holds: ciphertext only. Binary fields are base64, the commitment is hex. */
export const vaultRecordSchema = z.strictObject({
  v: z.literal(1),
  keyring_id: z.int().min(1),
  root_commitment: z.string().regex(/^[0-9a-f]{64}$/),
  wrapped_dek: base64(),
  iv: base64(12),
  ct: base64(),
  tag: base64(16),
})
export type VaultRecord = z.output<typeof vaultRecordSchema>

const rootVersionPrefix = 'verified-wallets-root-keyring-'

/**
 * The version id under which a root is put. Fixed, so that of two puts that race one is refused (Secrets Manager,
 * PutSecretValue, ClientRequestToken: 32 to 64 characters).
 */
export const toRootVersionId = (keyringId: number) => `${rootVersionPrefix}${String(keyringId).padStart(4, '0')}`

/** Whether the current version of the vault's secret is a root, told without reading it. */
export const holdsRoot = (stagesOfVersions: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(stagesOfVersions).some(
    ([id, stages]) => id.startsWith(rootVersionPrefix) && stages.includes('AWSCURRENT'),
  )

/** The encryption context of the data key. It stands in the audit log in clear. */
export const toEncryptionContext = (stage: string) => ({ app: 'verified-wallets', stage, purpose: 'wallet-root' })

/**
 * Parses the secret's text.
 *
 * @throws {IntegrityError} when it is no record; never shows it.
 */
export function parseVaultRecord(text: string): VaultRecord {
  try {
    return vaultRecordSchema.parse(JSON.parse(text))
  } catch {
    throw new IntegrityError('expected the vault to hold a record of version 1; got something else')
  }
}

const tagLength = 16

/** Additional authenticated data: every field but the ciphertext and its tag, and the stage, in this order. */
function toAuthenticatedData(record: Omit<VaultRecord, 'ct' | 'tag'>, stage: string): Uint8Array {
  const { v, keyring_id, root_commitment, wrapped_dek, iv } = record
  return Buffer.from(JSON.stringify({ v, keyring_id, root_commitment, wrapped_dek, iv, stage }))
}

/** Encrypts a phrase. `dataKey`: 32 bytes, and the same wrapped by KMS; `iv`: 12 random bytes. */
export function sealPhrase(
  phrase: Uint8Array,
  options: {
    readonly stage: string
    readonly keyringId: number
    readonly rootCommitment: string
    readonly dataKey: Uint8Array
    readonly wrappedDataKey: Uint8Array
    readonly iv: Uint8Array
  },
): VaultRecord {
  const head = {
    v: 1,
    keyring_id: options.keyringId,
    root_commitment: options.rootCommitment,
    wrapped_dek: Buffer.from(options.wrappedDataKey).toString('base64'),
    iv: Buffer.from(options.iv).toString('base64'),
  } as const
  const cipher = createCipheriv('aes-256-gcm', options.dataKey, options.iv, { authTagLength: tagLength })
  cipher.setAAD(toAuthenticatedData(head, options.stage))
  const ct = Buffer.concat([cipher.update(phrase), cipher.final()]).toString('base64')
  return { ...head, ct, tag: cipher.getAuthTag().toString('base64') }
}

/**
 * Decrypts the phrase; the caller wipes it.
 *
 * @param dataKey the unwrapped data key, 32 bytes
 * @throws {IntegrityError} when any field, the stage or the key is not that of the sealing
 */
export function openPhrase(record: VaultRecord, stage: string, dataKey: Uint8Array): Uint8Array {
  try {
    const decipher = createDecipheriv('aes-256-gcm', dataKey, Buffer.from(record.iv, 'base64'), {
      authTagLength: tagLength,
    })
    decipher.setAAD(toAuthenticatedData(record, stage))
    decipher.setAuthTag(Buffer.from(record.tag, 'base64'))
    const head = decipher.update(Buffer.from(record.ct, 'base64'))
    // GCM is a stream: everything comes from update, final only checks the tag.
    try {
      decipher.final()
    } catch (error) {
      head.fill(0)
      throw error
    }
    return head
  } catch (error) {
    throw new IntegrityError('the vault does not open: its record was altered, or belongs to another stage or key', {
      cause: error,
    })
  }
}

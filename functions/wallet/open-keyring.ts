// Opening the vault: secret, KMS, AES-GCM, commitment. Once a container; a failure is not remembered.
import { IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { isPubliclyKnown } from '../../shared/mnemonic.ts'
import { openPhrase, parseVaultRecord } from '../../shared/vault.ts'
import { type Keyring, openRoot } from './derivation.ts'

/** The root, or why there is none that may be used: then records wait. */
export type VaultState =
  | { readonly state: 'open'; readonly keyring: Keyring }
  | { readonly state: 'no_root' }
  | { readonly state: 'root_refused'; readonly error: Error }

export type OpenKeyringPorts = {
  readonly stage: string
  readonly acceptPublicMnemonics: boolean
  /** The text of the vault's secret; undefined when nobody put a record there. */
  readonly readRecord: () => Promise<string | undefined>
  /** Unwraps the data key by KMS, under the encryption context of the stage. */
  readonly unwrapDataKey: (wrapped: Uint8Array) => Promise<Uint8Array>
}

/** Opens the vault on the first call that finds a root, and keeps the keyring from then on. */
export function createKeyringOpener(ports: OpenKeyringPorts): () => Promise<VaultState> {
  let keyring: Keyring | undefined

  async function open(): Promise<VaultState> {
    const text = await ports.readRecord()
    if (text === undefined) return { state: 'no_root' }
    const record = parseVaultRecord(text)
    const dataKey = await ports.unwrapDataKey(Buffer.from(record.wrapped_dek, 'base64'))
    let phrase: Uint8Array | undefined
    try {
      phrase = openPhrase(record, ports.stage, dataKey)
      if (!ports.acceptPublicMnemonics && isPubliclyKnown(phrase)) {
        throw new IntegrityError(
          'the mnemonic in the vault is publicly known: anyone can spend what its addresses receive',
        )
      }
      const root = openRoot(phrase, record.keyring_id)
      if (root.commitment !== record.root_commitment) {
        throw new IntegrityError('the mnemonic in the vault is not the one that its record commits to')
      }
      keyring = root.keyring
      return { state: 'open', keyring }
    } finally {
      dataKey.fill(0)
      phrase?.fill(0)
    }
  }

  return async () => {
    if (keyring) return { state: 'open', keyring }
    try {
      return await open()
    } catch (error) {
      if (error instanceof UnavailableError || !(error instanceof Error)) throw error
      return { state: 'root_refused', error }
    }
  }
}

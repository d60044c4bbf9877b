// Opening the vault: secret, KMS, AES-GCM, commitment. Kept for a bounded time; a failure is not remembered.
import { IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { isPubliclyKnown } from '../../shared/mnemonic.ts'
import type { BitcoinNetwork } from '../../shared/model.ts'
import { openPhrase, parseVaultRecord } from '../../shared/vault.ts'
import { CrossCheckError, type Keyring, type OpenRoot, openRoot } from './derivation.ts'

/** The root, or why there is none that may be used: then records wait. */
export type VaultState =
  | { readonly state: 'open'; readonly keyring: Keyring }
  | { readonly state: 'no_root' }
  | { readonly state: 'root_refused'; readonly error: Error }

/**
 * Which root may be opened: the one that the vault's own record commits to, the one with that commitment (SHA-256, in
 * hex), or none, since the stage has no root yet.
 */
export type ExpectedRoot =
  | { readonly kind: 'of-record' }
  | { readonly kind: 'commitment'; readonly commitment: string }
  | { readonly kind: 'none' }

export type OpenKeyringPorts = {
  readonly stage: string
  readonly expectedRoot: ExpectedRoot
  readonly acceptPublicMnemonics: boolean
  readonly bitcoinNetwork: BitcoinNetwork
  readonly now: () => Date
  /** The text of the vault's secret; undefined when nobody put a record there. */
  readonly readRecord: () => Promise<string | undefined>
  /** Unwraps the data key by KMS, under the encryption context of the stage. */
  readonly unwrapDataKey: (wrapped: Uint8Array) => Promise<Uint8Array>
}

/**
 * How long the coin-level nodes are kept. After that the next invocation wipes them and opens the vault anew: a container
 * may be frozen for hours, and its timers with it. Long enough that KMS is asked a few times an hour, whatever the load.
 */
export const keyringLifetimeMilliseconds = 15 * 60 * 1000

function refuseOtherRoot(expected: ExpectedRoot, found: string): void {
  if (expected.kind === 'none') {
    throw new IntegrityError(
      `expected an empty vault, since the stage table commits to no root; got a record of the root ${found}. If that root is yours, put its commitment into the stage table and deploy.`,
    )
  }
  if (expected.kind === 'commitment' && found !== expected.commitment) {
    throw new IntegrityError(
      `expected the vault to hold the root that the stage table commits to, ${expected.commitment}; got a record of ${found}. Nothing is opened until the two agree.`,
    )
  }
}

/** Opens the vault on the first call that finds a root, and keeps its coin-level nodes for their lifetime. */
export function createKeyringOpener(ports: OpenKeyringPorts): () => Promise<VaultState> {
  let opened: { readonly root: OpenRoot; readonly until: number } | undefined

  async function open(): Promise<VaultState> {
    const text = await ports.readRecord()
    if (text === undefined) return { state: 'no_root' }
    const record = parseVaultRecord(text)
    // Before KMS is asked: a root that is not expected is not even decrypted.
    refuseOtherRoot(ports.expectedRoot, record.root_commitment)
    const dataKey = await ports.unwrapDataKey(Buffer.from(record.wrapped_dek, 'base64'))
    let phrase: Uint8Array | undefined
    try {
      phrase = openPhrase(record, ports.stage, dataKey)
      if (!ports.acceptPublicMnemonics && isPubliclyKnown(phrase)) {
        throw new IntegrityError(
          'the mnemonic in the vault is publicly known: anyone can spend what its addresses receive',
        )
      }
      const root = openRoot(phrase, record.keyring_id, ports.bitcoinNetwork)
      if (root.commitment !== record.root_commitment) {
        root.close()
        throw new IntegrityError('the mnemonic in the vault is not the one that its record commits to')
      }
      opened = { root, until: ports.now().getTime() + keyringLifetimeMilliseconds }
      return { state: 'open', keyring: root.keyring }
    } finally {
      dataKey.fill(0)
      phrase?.fill(0)
    }
  }

  return async () => {
    if (opened?.root.isOpen() && ports.now().getTime() < opened.until) {
      return { state: 'open', keyring: opened.root.keyring }
    }
    opened?.root.close()
    opened = undefined
    try {
      return await open()
    } catch (error) {
      // A machine that computes wrongly is no state of the vault.
      const isOfVault = !(error instanceof UnavailableError || error instanceof CrossCheckError)
      if (!isOfVault || !(error instanceof Error)) throw error
      return { state: 'root_refused', error }
    }
  }
}

// The use case that makes a root where there is none: `local` only. What is stored first is the root; nothing replaces it.
import { hkdfSync, randomBytes } from 'node:crypto'
import { ConfigurationError, IntegrityError } from '../../shared/errors.ts'
import { commitMnemonic, decodeMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import { parseVaultRecord, sealPhrase, type VaultRecord } from '../../shared/vault.ts'

export type ProvisionPorts = {
  readonly stage: string
  /** The text of the vault's secret; undefined when it is empty. */
  readonly readRecord: () => Promise<string | undefined>
  /** Puts the text under a fixed client request token: of two that race, the first stands. */
  readonly putRecord: (text: string) => Promise<void>
  /** That many random bytes of KMS. */
  readonly generateRandom: (length: number) => Promise<Uint8Array>
  /** A new data key of 32 bytes, and the same wrapped, under the encryption context of the stage. */
  readonly generateDataKey: () => Promise<{ readonly plaintext: Uint8Array; readonly wrapped: Uint8Array }>
}

export type ProvisionResult = {
  readonly outcome: 'created' | 'present'
  readonly keyring_id: number
  readonly root_commitment: string
}

/** A keyring is one mnemonic; this is the first. */
export const keyringId = 1

/** 256 bits that are random if either source is: HKDF-SHA-256 (RFC 5869) over both. */
async function generatePhrase(ports: ProvisionPorts): Promise<Uint8Array> {
  const ofKms = await ports.generateRandom(32)
  const ofSystem = randomBytes(32)
  const both = Buffer.concat([ofKms, ofSystem])
  const entropy = new Uint8Array(hkdfSync('sha256', both, new Uint8Array(), 'verified-wallets/entropy/v1', 32))
  try {
    return encodeMnemonic(entropy)
  } finally {
    for (const secret of [ofKms, ofSystem, both, entropy]) secret.fill(0)
  }
}

async function seal(ports: ProvisionPorts, phrase: Uint8Array): Promise<VaultRecord> {
  const { plaintext: dataKey, wrapped } = await ports.generateDataKey()
  try {
    return sealPhrase(phrase, {
      stage: ports.stage,
      keyringId,
      rootCommitment: commitMnemonic(phrase),
      dataKey,
      wrappedDataKey: wrapped,
      iv: randomBytes(12),
    })
  } finally {
    dataKey.fill(0)
  }
}

/**
 * Makes sure that the vault holds a root: reads, stops if there is one, else puts, reads back, and answers what is stored.
 *
 * @param given a phrase to use instead of a new one (24 words in ASCII); the caller wipes it
 * @throws {MnemonicError} when the given phrase is none
 * @throws {ConfigurationError} when the given phrase has not 24 words, or the vault holds another root
 */
export async function provision(ports: ProvisionPorts, given?: Uint8Array): Promise<ProvisionResult> {
  if (given) {
    const entropy = decodeMnemonic(given)
    entropy.fill(0)
    if (entropy.length !== 32) {
      throw new ConfigurationError(`expected a mnemonic of 24 words; got ${(entropy.length * 3) / 4}`)
    }
  }
  const present = await ports.readRecord()
  if (present === undefined) {
    const phrase = given ?? (await generatePhrase(ports))
    try {
      await ports.putRecord(JSON.stringify(await seal(ports, phrase)))
    } finally {
      if (phrase !== given) phrase.fill(0)
    }
  }
  const stored = present ?? (await ports.readRecord())
  if (stored === undefined) throw new IntegrityError('expected the vault to hold what was just put there; it is empty')
  const record = parseVaultRecord(stored)
  if (given && commitMnemonic(given) !== record.root_commitment) {
    throw new ConfigurationError(
      'the vault holds another mnemonic than the one given. Give the same one, or forget this state and start afresh.',
    )
  }
  return {
    outcome: present === undefined ? 'created' : 'present',
    keyring_id: record.keyring_id,
    root_commitment: record.root_commitment,
  }
}

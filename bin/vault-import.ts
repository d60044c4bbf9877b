// Putting a mnemonic that exists into the vault of a deployed stage: what is checked before anything is wrapped, and the
// wrapping itself by the provision function's own code. The phrase is bytes all the way.
import { type ProvisionPorts, type ProvisionResult, provision } from '../functions/provision/provision.ts'
import { toFingerprint, toMasterKey, wipeKey } from '../functions/wallet/bip32.ts'
import { ConfigurationError } from '../shared/errors.ts'
import { commitRoot, decodeMnemonic, deriveSeed, isPubliclyKnown, MnemonicError } from '../shared/mnemonic.ts'
import { allocateSecret } from '../shared/secret-bytes.ts'
import { parseVaultRecord } from '../shared/vault.ts'
import { InputError } from './command-line.ts'

/** A phrase that may be imported; whoever has it wipes it. */
export type CheckedRoot = {
  readonly phrase: Uint8Array
  readonly rootCommitment: string
  /** Eight hex digits: for people to compare, never for checks. */
  readonly masterFingerprint: string
}

const space = 0x20

/** Lower case, one space between two words, none at the ends. The given bytes stay the caller's. */
function normalise(given: Uint8Array): Uint8Array {
  const room = allocateSecret(given.length)
  let length = 0
  for (const byte of given) {
    const isSpace = byte === space || (byte >= 0x09 && byte <= 0x0d)
    if (isSpace && (length === 0 || room[length - 1] === space)) continue
    const isUpper = byte >= 0x41 && byte <= 0x5a
    room[length++] = isSpace ? space : isUpper ? byte + 0x20 : byte
  }
  if (length > 0 && room[length - 1] === space) length -= 1
  const phrase = allocateSecret(length)
  phrase.set(room.subarray(0, length))
  room.fill(0)
  return phrase
}

/**
 * Checks what was typed: 24 words of the English list, their checksum, and that not everybody has them.
 *
 * @param given the words in ASCII, in any case, white space between them; the caller wipes it
 * @throws {InputError} `empty_input`, `invalid_mnemonic`, `public_mnemonic`; none shows a word
 */
export function checkRoot(given: Uint8Array, acceptsPublicMnemonics: boolean): CheckedRoot {
  const phrase = normalise(given)
  try {
    if (phrase.length === 0) throw new InputError('empty_input', 'expected the 24 words of a mnemonic; got none')
    const entropy = decodeMnemonic(phrase)
    entropy.fill(0)
    if (entropy.length !== 32) {
      throw new MnemonicError(`expected 24 words; got ${(entropy.length * 3) / 4}`)
    }
    if (!acceptsPublicMnemonics && isPubliclyKnown(phrase)) {
      throw new InputError(
        'public_mnemonic',
        'this mnemonic is publicly known: anyone can spend what its addresses receive. Make a new one from real randomness',
      )
    }
    return { phrase, ...identify(phrase) }
  } catch (error) {
    phrase.fill(0)
    if (!(error instanceof MnemonicError)) throw error
    throw new InputError('invalid_mnemonic', `this is no mnemonic of 24 English words (BIP-39): ${error.message}`, {
      cause: error,
    })
  }
}

function identify(phrase: Uint8Array): { rootCommitment: string; masterFingerprint: string } {
  const seed = deriveSeed(phrase)
  try {
    const master = toMasterKey(seed)
    wipeKey(master)
    const fingerprint = toFingerprint(master).toString(16).padStart(8, '0')
    return { rootCommitment: commitRoot(master), masterFingerprint: fingerprint }
  } finally {
    seed.fill(0)
  }
}

/**
 * The commitment of the root that a vault holds; undefined when it is empty.
 *
 * @throws {IntegrityError} when it holds something else
 */
export async function readRootCommitment(ports: Pick<ProvisionPorts, 'readRecord'>): Promise<string | undefined> {
  const text = await ports.readRecord()
  return text === undefined ? undefined : parseVaultRecord(text).root_commitment
}

/**
 * Refuses what would mix two roots, before anybody is asked to confirm.
 *
 * @param expected the stage table's commitment; undefined where it names none
 * @param held that of the vault; undefined when it is empty
 * @throws {InputError} `other_root_held`, `other_root_expected`
 */
export function refuseOtherRoot(root: CheckedRoot, expected: string | undefined, held: string | undefined): void {
  if (held !== undefined && held !== root.rootCommitment) {
    throw new InputError(
      'other_root_held',
      `the vault holds another root (${held}) than the one given (${root.rootCommitment}), and a root is never replaced: addresses were given out`,
    )
  }
  if (expected !== undefined && expected !== root.rootCommitment) {
    throw new InputError(
      'other_root_expected',
      `the stage table expects the root ${expected}; the one given is ${root.rootCommitment}. Give that mnemonic, or change rootCommitment in the stage table first`,
    )
  }
}

/**
 * Wraps the phrase and puts it, or finds the same one there. The caller wipes the phrase.
 *
 * @throws {InputError} `other_root_held` when somebody else was first
 */
export async function importRoot(ports: ProvisionPorts, root: CheckedRoot): Promise<ProvisionResult> {
  try {
    return await provision(ports, root.phrase)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new InputError('other_root_held', error.message, { cause: error })
  }
}

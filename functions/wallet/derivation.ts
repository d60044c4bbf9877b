// From the phrase to coin-level nodes, from those to addresses. No private key leaves this file, in any form.
import { createHmac, randomFillSync } from 'node:crypto'
import { IntegrityError } from '../../shared/errors.ts'
import { commitRoot, deriveSeed } from '../../shared/mnemonic.ts'
import { type AddressType, addressTypes, type BitcoinNetwork, type Network, networks } from '../../shared/model.ts'
import { allocateSecret } from '../../shared/secret-bytes.ts'
import { validateAddress } from '../../shared/validate-address.ts'
import { findAddressType } from './address-types.ts'
import {
  deriveChild,
  hardened,
  KeyError,
  type PrivateExtendedKey,
  serializePublicKey,
  toFingerprint,
  toMasterKey,
  wipeKey,
} from './bip32.ts'
import { rederive, rederiveCoinNode } from './cross-check.ts'
import { deriveAddress, toCompressed } from './secp256k1.ts'

/** One derived address, public parts only. */
export type DerivedAddress = {
  /** `m/{purpose}'/{coin}'/{account}'/0/0` */
  readonly path: string
  readonly address: string
  /** Compressed, 33 bytes. */
  readonly publicKey: Uint8Array
  /** The extended public key of `m/{purpose}'/{coin}'/{account}'` (BIP-32 serialization: xpub, tpub on testnet). */
  readonly accountXpub: string
}

/** An open root: derives addresses, tells nothing else. */
export type Keyring = {
  readonly id: number
  /** @throws {RangeError} for a type of another network, or an account that is not from 0 to 2^31-1 */
  readonly derive: (network: Network, addressType: AddressType, account: number) => DerivedAddress
  /**
   * Derives the same a second time by other code: @scure/bip32 from the coin node on, and the encoders beside it. Decodes
   * the address as well, as whoever pays to it does.
   *
   * @throws {CrossCheckError} when it is not what was given
   */
  readonly crossCheck: (network: Network, addressType: AddressType, account: number, derived: DerivedAddress) => void
}

/** Two derivations of one path differ: the machine or the code cannot be trusted, and nothing may be issued. */
export class CrossCheckError extends IntegrityError {}

/**
 * A coin-level node (`m/{purpose}'/{coin}'`). The private key is kept as two halves whose XOR it is, as OpenSSH shields
 * the keys that it holds: a memory dump that is searched for the key, or misses one half, does not show it.
 */
type CoinNode = {
  readonly purpose: number
  readonly coinType: number
  readonly mask: Uint8Array
  readonly masked: Uint8Array
  readonly chainCode: Uint8Array
  readonly publicKey: Uint8Array
  readonly parentFingerprint: number
  readonly fingerprint: number
}

function deriveCoinNode(master: PrivateExtendedKey, purpose: number, coinType: number): CoinNode {
  const purposeKey = deriveChild(master, purpose + hardened)
  const key = deriveChild(purposeKey, coinType + hardened)
  wipeKey(purposeKey)
  const again = rederiveCoinNode(master, purpose, coinType)
  if (!isSame(key.publicKey, again.publicKey) || !isSame(key.chainCode, again.chainCode)) {
    wipeKey(key)
    throw new CrossCheckError(`two derivations of m/${purpose}'/${coinType}' differ: nothing may be issued`)
  }
  const mask = randomFillSync(allocateSecret(32))
  const masked = allocateSecret(32)
  for (let at = 0; at < 32; at++) masked[at] = (key.privateKey[at] as number) ^ (mask[at] as number)
  wipeKey(key)
  const { chainCode, publicKey, parentFingerprint } = key
  return { purpose, coinType, mask, masked, chainCode, publicKey, parentFingerprint, fingerprint: toFingerprint(key) }
}

const isSame = (one: Uint8Array, other: Uint8Array | null) => other !== null && Buffer.compare(one, other) === 0

/** I of the master by Node's own HMAC: the one step that @scure/bip32, which cannot wipe it, is not given the seed for. */
function checkMaster(master: PrivateExtendedKey, seed: Uint8Array): void {
  const digest = createHmac('sha512', 'Bitcoin seed').update(seed).digest()
  const isEqual = isSame(digest.subarray(0, 32), master.privateKey) && isSame(digest.subarray(32), master.chainCode)
  digest.fill(0)
  if (isEqual) return
  wipeKey(master)
  throw new CrossCheckError('two derivations of the master key differ: nothing may be issued')
}

/** Runs work on the node's private key, which is wiped afterwards. */
function withPrivateKey<Result>(node: CoinNode, work: (privateKey: Uint8Array) => Result): Result {
  const privateKey = allocateSecret(32)
  try {
    for (let at = 0; at < 32; at++) privateKey[at] = (node.masked[at] as number) ^ (node.mask[at] as number)
    return work(privateKey)
  } finally {
    privateKey.fill(0)
  }
}

const toPath = (node: CoinNode, account: number) => `m/${node.purpose}'/${node.coinType}'/${account}'/0/0`

/** A root that was opened, and what is its owner's to do with it. */
export type OpenRoot = {
  /** To be compared before anything is derived. */
  readonly commitment: string
  readonly keyring: Keyring
  /** False after `close`, and after a cross-check that failed. */
  readonly isOpen: () => boolean
  /** Wipes the nodes: from then on the keyring refuses. */
  readonly close: () => void
}

/**
 * Opens a root. Keeps its coin-level nodes (`m/{purpose}'/{coin}'`); seed, master and purpose nodes are wiped.
 *
 * @param phrase the words in ASCII; stays the caller's, who wipes it
 * @throws {CrossCheckError} when other code derives another master or other coin-level nodes of it
 */
export function openRoot(phrase: Uint8Array, keyringId: number, bitcoinNetwork: BitcoinNetwork): OpenRoot {
  const seed = deriveSeed(phrase)
  let master: PrivateExtendedKey
  try {
    master = toMasterKey(seed)
    checkMaster(master, seed)
  } finally {
    seed.fill(0)
  }
  const commitment = commitRoot(master)
  const nodes = new Map<string, CoinNode>()
  try {
    for (const network of networks) {
      for (const addressType of addressTypes[network]) {
        const { purpose, coinType } = findAddressType(network, addressType, bitcoinNetwork)
        const key = `${purpose}/${coinType}`
        if (!nodes.has(key)) nodes.set(key, deriveCoinNode(master, purpose, coinType))
      }
    }
  } finally {
    wipeKey(master)
  }
  let isOpen = true

  function find(network: Network, addressType: AddressType, account: number) {
    if (!isOpen) throw new TypeError('expected an open keyring; this one was closed')
    const entry = findAddressType(network, addressType, bitcoinNetwork)
    if (!Number.isInteger(account) || account < 0 || account >= hardened) {
      throw new RangeError(`expected an account from 0 to 2^31-1; got ${account}`)
    }
    return { entry, node: nodes.get(`${entry.purpose}/${entry.coinType}`) as CoinNode }
  }

  function derive(network: Network, addressType: AddressType, account: number): DerivedAddress {
    const { entry, node } = find(network, addressType, account)
    const keys = deriveAddress(node, account, entry.keyBytes)
    if (!keys) throw new KeyError('invalid_child', `there is no node at ${toPath(node, account)} (BIP-32)`)
    const { publicKey, accountPublicKey, accountChainCode } = keys
    const accountKey = {
      ...{ depth: 3, parentFingerprint: node.fingerprint, childNumber: account + hardened },
      ...{ publicKey: accountPublicKey, chainCode: accountChainCode },
    }
    return {
      path: toPath(node, account),
      address: entry.encode(publicKey),
      publicKey: entry.keyBytes === 65 ? toCompressed(publicKey) : publicKey,
      accountXpub: serializePublicKey(accountKey, bitcoinNetwork),
    }
  }

  function crossCheck(network: Network, addressType: AddressType, account: number, derived: DerivedAddress): void {
    const { node } = find(network, addressType, account)
    const again = withPrivateKey(node, (privateKey) =>
      rederive({ ...node, privateKey }, account, addressType, bitcoinNetwork),
    )
    const decoded = validateAddress(derived.address, network, bitcoinNetwork)
    const agrees =
      decoded.valid &&
      decoded.addressType === addressType &&
      isSame(derived.publicKey, again.publicKey) &&
      derived.accountXpub === again.accountXpub &&
      derived.address === again.address &&
      derived.path === toPath(node, account)
    if (!agrees) {
      close()
      throw new CrossCheckError(`two derivations of ${derived.path} (${addressType}) differ: nothing may be issued`)
    }
  }

  function close(): void {
    isOpen = false
    for (const { mask, masked, chainCode } of nodes.values())
      for (const secret of [mask, masked, chainCode]) secret.fill(0)
    nodes.clear()
  }

  return { commitment, keyring: { id: keyringId, derive, crossCheck }, isOpen: () => isOpen, close }
}

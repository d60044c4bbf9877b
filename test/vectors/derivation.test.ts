// Derivation held against published vectors and against other people's code: ethers, bitcoinjs-lib, tronweb, @scure/bip32.
import { HDKey } from '@scure/bip32'
import { payments } from 'bitcoinjs-lib'
import { getAddress, HDNodeWallet, Mnemonic } from 'ethers'
import fc from 'fast-check'
import { TronWeb } from 'tronweb'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type DerivedAddress, encodeEip55, openRoot } from '../../functions/wallet/derivation.ts'
import { commitMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import { type AddressType, addressTypes, type Network, networks } from '../../shared/model.ts'
import bip39Vectors from './bip39-english.json' with { type: 'json' }
import bip44Vectors from './bip44-addresses.json' with { type: 'json' }
import eip55Vectors from './eip55.json' with { type: 'json' }

const toBytes = (text: string) => new Uint8Array(Buffer.from(text, 'ascii'))
const toHex = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('hex')
const open = (mnemonic: string) => openRoot(toBytes(mnemonic), 1).keyring
const lastAccount = 2 ** 31 - 1
const coinTypes = { ethereum: 60, bitcoin: 0, tron: 195 } as const

/** The address of a public key (compressed, hex) by the library that the network's own people use. */
const encoders: Record<Network, (node: HDNodeWallet) => string | undefined> = {
  ethereum: (node) => node.address,
  bitcoin: (node) => payments.p2pkh({ pubkey: Buffer.from(node.publicKey.slice(2), 'hex') }).address,
  tron: (node) => TronWeb.address.fromPrivateKey(node.privateKey.slice(2)) || undefined,
}

/** What others derive: nodes by ethers, addresses by the library of the network. */
function deriveElsewhere(coins: Record<Network, HDNodeWallet>, network: Network, account: number): DerivedAddress {
  const accountNode = coins[network].derivePath(`${account}'`)
  const node = accountNode.derivePath('0/0')
  return {
    path: `m/44'/${coinTypes[network]}'/${account}'/0/0`,
    address: encoders[network](node) ?? '',
    publicKey: new Uint8Array(Buffer.from(node.publicKey.slice(2), 'hex')),
    accountXpub: accountNode.neuter().extendedKey,
  }
}

function openElsewhere(mnemonic: string): Record<Network, HDNodeWallet> {
  const root = HDNodeWallet.fromSeed(Mnemonic.fromPhrase(mnemonic).computeSeed())
  const derive = (network: Network) => root.derivePath(`44'/${coinTypes[network]}'`)
  return { ethereum: derive('ethereum'), bitcoin: derive('bitcoin'), tron: derive('tron') }
}

/** Fails without printing keys: addresses, paths and public parts only. */
function expectSame(ours: DerivedAddress, theirs: DerivedAddress) {
  expect({ ...ours, publicKey: toHex(ours.publicKey) }).toEqual({ ...theirs, publicKey: toHex(theirs.publicKey) })
}

const mnemonic = bip39Vectors[14]?.mnemonic ?? ''
const accounts = fc.oneof(fc.constantFrom(0, 1, lastAccount - 1, lastAccount), fc.integer({ min: 0, max: lastAccount }))

describe('published addresses', () => {
  it.each(bip44Vectors.addresses)('$path is $address', ({ network, address_type, path, address, account_xpub }) => {
    const derived = open(bip44Vectors.mnemonic).derive(network as Network, address_type as AddressType, 0)
    expect(derived).toMatchObject({ path, address, ...(account_xpub ? { accountXpub: account_xpub } : {}) })
  })

  it.each(eip55Vectors)('EIP-55: %s', (address) => {
    expect(encodeEip55(Buffer.from(address.slice(2), 'hex'))).toBe(address)
    expect(getAddress(address.toLowerCase())).toBe(address)
  })
})

describe('against ethers, bitcoinjs-lib and tronweb', () => {
  it('accounts 0 to 20, and the last two, of every network', () => {
    const keyring = open(mnemonic)
    const elsewhere = openElsewhere(mnemonic)
    for (const network of networks) {
      for (const account of [...Array(21).keys(), lastAccount - 1, lastAccount]) {
        const ours = keyring.derive(network, addressTypes[network][0], account)
        expectSame(ours, deriveElsewhere(elsewhere, network, account))
      }
    }
  })

  it('any account of every network', () => {
    const keyring = open(mnemonic)
    const elsewhere = openElsewhere(mnemonic)
    fc.assert(
      fc.property(accounts, fc.constantFrom(...networks), (account, network) => {
        const ours = keyring.derive(network, addressTypes[network][0], account)
        expectSame(ours, deriveElsewhere(elsewhere, network, account))
      }),
      { numRuns: 200 },
    )
  })

  it('any root', () => {
    const entropies = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(entropies, accounts, fc.constantFrom(...networks), (entropy, account, network) => {
        const phrase = encodeMnemonic(entropy)
        const elsewhere = openElsewhere(Buffer.from(phrase).toString('ascii'))
        const { keyring, commitment } = openRoot(phrase, 3)
        expect(keyring.id).toBe(3)
        expect(commitment).toBe(commitMnemonic(phrase))
        const ours = keyring.derive(network, addressTypes[network][0], account)
        expectSame(ours, deriveElsewhere(elsewhere, network, account))
      }),
      { numRuns: 40 },
    )
  })

  it('their whole way from the words, once each', () => {
    const keyring = open(mnemonic)
    const ethereum = HDNodeWallet.fromPhrase(mnemonic, '', "m/44'/60'/5'/0/0").address
    expect(keyring.derive('ethereum', 'eip55', 5).address).toBe(ethereum)
    const tron = TronWeb.fromMnemonic(mnemonic, "m/44'/195'/5'/0/0").address
    expect(keyring.derive('tron', 'base58check', 5).address).toBe(tron)
  })

  it('the checksum of any Ethereum account', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (account) => {
        expect(encodeEip55(account)).toBe(getAddress(`0x${toHex(account)}`))
      }),
      { numRuns: 300 },
    )
  })
})

describe('the account xpub', () => {
  it('leads to the address without any private key', () => {
    const keyring = open(mnemonic)
    fc.assert(
      fc.property(accounts, fc.constantFrom(...networks), (account, network) => {
        const { accountXpub, publicKey } = keyring.derive(network, addressTypes[network][0], account)
        const node = HDKey.fromExtendedKey(accountXpub)
        expect(node.privateKey).toBeNull()
        expect({ depth: node.depth, index: node.index }).toEqual({ depth: 3, index: account + 2 ** 31 })
        expect(toHex(node.deriveChild(0).deriveChild(0).publicKey)).toBe(toHex(publicKey))
      }),
      { numRuns: 100 },
    )
  })
})

describe('what cannot be derived', () => {
  it.each([-1, 2 ** 31, 2 ** 32, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('account %d', (account) => {
    expect(() => open(mnemonic).derive('ethereum', 'eip55', account)).toThrow(
      new RangeError(`expected an account from 0 to 2^31-1; got ${account}`),
    )
  })

  it.each([
    ['ethereum', 'p2pkh'],
    ['bitcoin', 'eip55'],
    ['tron', 'eip55'],
  ] as const)('%s with the address type %s', (network, type) => {
    expect(() => open(mnemonic).derive(network, type, 0)).toThrow(
      new RangeError(`expected an address type of ${network}; got ${type}`),
    )
  })
})

describe('private keys', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('of no node but the three coin nodes are left, when the root is open and after deriving', () => {
    const nodes: HDKey[] = []
    const { fromMasterSeed } = HDKey
    vi.spyOn(HDKey, 'fromMasterSeed').mockImplementation((...given) => {
      const master = fromMasterSeed.apply(HDKey, given)
      nodes.push(master)
      return master
    })
    const { deriveChild } = HDKey.prototype
    vi.spyOn(HDKey.prototype, 'deriveChild').mockImplementation(function (this: HDKey, index) {
      const node = deriveChild.call(this, index)
      nodes.push(node)
      return node
    })
    const seeds = vi.spyOn(HDKey, 'fromMasterSeed')
    const keyring = open(mnemonic)
    const listOpen = () => nodes.filter((node) => node.privateKey !== null).map(({ depth, index }) => [depth, index])
    const coinNodes = networks.map((network) => [2, coinTypes[network] + 2 ** 31])
    expect(listOpen()).toEqual(coinNodes)
    for (const network of networks) keyring.derive(network, addressTypes[network][0], 9)
    expect(nodes).toHaveLength(1 + 1 + 3 + 9)
    expect(listOpen()).toEqual(coinNodes)
    expect(toHex(seeds.mock.calls[0]?.[0])).toBe('00'.repeat(64))
  })

  it('the keyring tells none: neither as a property nor as text', () => {
    const keyring = open(mnemonic)
    expect(Object.keys(keyring)).toEqual(['id', 'derive'])
    expect(JSON.stringify(keyring)).toBe('{"id":1}')
    expect(Object.keys(keyring.derive('tron', 'base58check', 0)).toSorted()).toEqual([
      'accountXpub',
      'address',
      'path',
      'publicKey',
    ])
  })

  it('the phrase stays with its owner', () => {
    const phrase = toBytes(mnemonic)
    openRoot(phrase, 1)
    expect(Buffer.compare(phrase, toBytes(mnemonic))).toBe(0)
  })
})

// Derivation held against published vectors and against other people's code: ethers, bitcoinjs-lib, tronweb, @scure/bip32.
import { HDKey } from '@scure/bip32'
import { initEccLib, payments } from 'bitcoinjs-lib'
import { getAddress, HDNodeWallet, Mnemonic } from 'ethers'
import fc from 'fast-check'
import * as ecc from 'tiny-secp256k1'
import { TronWeb } from 'tronweb'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { encodeEip55, findAddressType } from '../../functions/wallet/address-types.ts'
import { CrossCheckError, type DerivedAddress, openRoot } from '../../functions/wallet/derivation.ts'
import { commitMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import { type AddressType, addressTypes, bitcoinNetworks, type Network, networks } from '../../shared/model.ts'
import bip39Vectors from './bip39-english.json' with { type: 'json' }
import bip44Vectors from './bip44-addresses.json' with { type: 'json' }
import eip55Vectors from './eip55.json' with { type: 'json' }

initEccLib(ecc)
const toBytes = (text: string) => new Uint8Array(Buffer.from(text, 'ascii'))
const toHex = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('hex')
const open = (mnemonic: string) => openRoot(toBytes(mnemonic), 1, 'mainnet').keyring
const lastAccount = 2 ** 31 - 1
const types = networks.flatMap((network) => addressTypes[network].map((type) => [network, type] as const))
const coins: Record<AddressType, string> = {
  eip55: "m/44'/60'",
  base58check: "m/44'/195'",
  p2pkh: "m/44'/0'",
  'p2sh-p2wpkh': "m/49'/0'",
  p2wpkh: "m/84'/0'",
  p2tr: "m/86'/0'",
}

/** The address of a node by the library that the network's own people use. */
const encoders: Record<AddressType, (node: HDNodeWallet, pubkey: Uint8Array) => string | undefined> = {
  eip55: (node) => node.address,
  base58check: (node) => TronWeb.address.fromPrivateKey(node.privateKey.slice(2)) || undefined,
  p2pkh: (_, pubkey) => payments.p2pkh({ pubkey }).address,
  'p2sh-p2wpkh': (_, pubkey) => payments.p2sh({ redeem: payments.p2wpkh({ pubkey }) }).address,
  p2wpkh: (_, pubkey) => payments.p2wpkh({ pubkey }).address,
  p2tr: (_, pubkey) => payments.p2tr({ internalPubkey: pubkey.subarray(1) }).address,
}

/** What others derive: nodes by ethers, addresses by the library of the network. */
function deriveElsewhere(root: HDNodeWallet, addressType: AddressType, account: number): DerivedAddress {
  const accountNode = root.derivePath(`${coins[addressType]}/${account}'`)
  const node = accountNode.derivePath('0/0')
  const publicKey = new Uint8Array(Buffer.from(node.publicKey.slice(2), 'hex'))
  return {
    path: `${coins[addressType]}/${account}'/0/0`,
    address: encoders[addressType](node, publicKey) ?? '',
    publicKey,
    accountXpub: accountNode.neuter().extendedKey,
  }
}

const openElsewhere = (mnemonic: string) => HDNodeWallet.fromSeed(Mnemonic.fromPhrase(mnemonic).computeSeed())

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
  it('accounts 0 to 20, and the last two, of every network and type', () => {
    const keyring = open(mnemonic)
    const elsewhere = openElsewhere(mnemonic)
    for (const [network, type] of types) {
      for (const account of [...Array(21).keys(), lastAccount - 1, lastAccount]) {
        expectSame(keyring.derive(network, type, account), deriveElsewhere(elsewhere, type, account))
      }
    }
  })

  it('any root, any account', () => {
    const entropies = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(entropies, accounts, fc.constantFrom(...types), (entropy, account, [network, type]) => {
        const phrase = encodeMnemonic(entropy)
        const elsewhere = openElsewhere(Buffer.from(phrase).toString('ascii'))
        const { keyring, commitment } = openRoot(phrase, 3, 'mainnet')
        expect(keyring.id).toBe(3)
        expect(commitment).toBe(commitMnemonic(phrase))
        expectSame(keyring.derive(network, type, account), deriveElsewhere(elsewhere, type, account))
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
      fc.property(accounts, fc.constantFrom(...types), (account, [network, type]) => {
        const { accountXpub, address, publicKey } = keyring.derive(network, type, account)
        const node = HDKey.fromExtendedKey(accountXpub)
        expect(node.privateKey).toBeNull()
        expect({ depth: node.depth, index: node.index }).toEqual({ depth: 3, index: account + 2 ** 31 })
        const child = node.deriveChild(0).deriveChild(0).publicKey as Uint8Array
        expect(toHex(child)).toBe(toHex(publicKey))
        expect(findAddressType(network, type, 'mainnet').encode(child)).toBe(address)
      }),
      { numRuns: 100 },
    )
  })
})

describe('the network of Bitcoin', () => {
  it('changes coin type, prefixes and xpub of Bitcoin on testnet, and nothing of the others', () => {
    const testnet = openRoot(toBytes(mnemonic), 1, 'testnet').keyring
    const mainnet = open(mnemonic)
    for (const type of addressTypes.bitcoin) {
      const derived = testnet.derive('bitcoin', type, 7)
      expect(derived.path).toBe(`${coins[type].replace("/0'", "/1'")}/7'/0/0`)
      expect(derived.address).toMatch(/^([mn2]|tb1[qp])/)
      expect(derived.accountXpub).toMatch(/^tpub/)
      expect(() => testnet.crossCheck('bitcoin', type, 7, derived)).not.toThrow()
    }
    expect(testnet.derive('ethereum', 'eip55', 7).address).toBe(mainnet.derive('ethereum', 'eip55', 7).address)
    expect(testnet.derive('tron', 'base58check', 7).address).toBe(mainnet.derive('tron', 'base58check', 7).address)
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
    ['ethereum', 'p2tr'],
    ['bitcoin', 'eip55'],
    ['tron', 'eip55'],
  ] as const)('%s with the address type %s', (network, type) => {
    expect(() => open(mnemonic).derive(network, type, 0)).toThrow(
      new RangeError(`expected an address type of ${network}; got ${type}`),
    )
  })
})

describe('the second derivation', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('agrees with the first, for every type and network of Bitcoin', () => {
    for (const bitcoinNetwork of bitcoinNetworks) {
      const { keyring } = openRoot(toBytes(mnemonic), 1, bitcoinNetwork)
      for (const [network, type] of types) {
        for (const account of [0, 1, lastAccount]) {
          const derived = keyring.derive(network, type, account)
          expect(() => keyring.crossCheck(network, type, account, derived)).not.toThrow()
        }
      }
    }
  })

  it.each([
    ['address', { address: '1BoatSLRHtKNngkdXEeobR76b53LETtpyT' }],
    ['path', { path: "m/44'/0'/4'/0/0" }],
    ['public key', { publicKey: new Uint8Array(33).fill(2) }],
    ['account xpub', { accountXpub: 'xpub' }],
  ])('finds another %s, and closes the keyring', (_, change) => {
    const root = openRoot(toBytes(mnemonic), 1, 'mainnet')
    const derived = { ...root.keyring.derive('bitcoin', 'p2pkh', 3), ...change }
    expect(() => root.keyring.crossCheck('bitcoin', 'p2pkh', 3, derived)).toThrow(CrossCheckError)
    expect(root.isOpen()).toBe(false)
    expect(() => root.keyring.derive('bitcoin', 'p2pkh', 3)).toThrow(TypeError)
  })

  it('finds coin-level nodes that differ when the root is opened', () => {
    vi.spyOn(HDKey.prototype, 'publicKey', 'get').mockReturnValueOnce(new Uint8Array(33).fill(2))
    expect(() => open(mnemonic)).toThrow(
      new CrossCheckError("two derivations of m/44'/60' differ: nothing may be issued"),
    )
  })

  it('leaves no node of @scure/bip32 with a private key', () => {
    const nodes: HDKey[] = []
    const { deriveChild } = HDKey.prototype
    vi.spyOn(HDKey.prototype, 'deriveChild').mockImplementation(function (this: HDKey, index) {
      const child = deriveChild.call(this, index)
      nodes.push(this, child)
      return child
    })
    const keyring = open(mnemonic)
    for (const [network, type] of types) keyring.crossCheck(network, type, 9, keyring.derive(network, type, 9))
    expect(nodes.length).toBeGreaterThan(30)
    expect(nodes.filter((node) => node.privateKey !== null)).toEqual([])
  })
})

describe('an open root', () => {
  it('tells nothing secret: neither as a property nor as text', () => {
    const root = openRoot(toBytes(mnemonic), 1, 'mainnet')
    expect(Object.keys(root)).toEqual(['commitment', 'keyring', 'isOpen', 'close'])
    expect(Object.keys(root.keyring)).toEqual(['id', 'derive', 'crossCheck'])
    expect(JSON.stringify(root.keyring)).toBe('{"id":1}')
    expect(Object.keys(root.keyring.derive('tron', 'base58check', 0)).toSorted()).toEqual([
      'accountXpub',
      'address',
      'path',
      'publicKey',
    ])
  })

  it('refuses after it was closed', () => {
    const root = openRoot(toBytes(mnemonic), 1, 'mainnet')
    root.close()
    expect(root.isOpen()).toBe(false)
    expect(() => root.keyring.derive('tron', 'base58check', 0)).toThrow('expected an open keyring; this one was closed')
  })

  it('leaves the phrase to its owner', () => {
    const phrase = toBytes(mnemonic)
    openRoot(phrase, 1, 'mainnet')
    expect(Buffer.compare(phrase, toBytes(mnemonic))).toBe(0)
  })
})

// The address decoder against the libraries of the networks: what they encode it takes, one wrong character it refuses.
import { base58, bech32, bech32m, createBase58check } from '@scure/base'
import { address as bitcoinAddress, networks as bitcoinjsNetworks } from 'bitcoinjs-lib'
import { getAddress } from 'ethers'
import fc from 'fast-check'
import { TronWeb } from 'tronweb'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../functions/wallet/base58.ts'
import type { BitcoinNetwork, Network } from '../../shared/model.ts'
import { validateAddress } from '../../shared/validate-address.ts'

const base58check = createBase58check(sha256)
const hashes = fc.uint8Array({ minLength: 20, maxLength: 20 })
const longHashes = fc.uint8Array({ minLength: 32, maxLength: 32 })
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bitcoinNetworks = fc.constantFrom<BitcoinNetwork>('mainnet', 'testnet')
const toBitcoinjs = (network: BitcoinNetwork) => bitcoinjsNetworks[network === 'mainnet' ? 'bitcoin' : 'testnet']

const reasonOf = (text: string, network: Network, bitcoinNetwork: BitcoinNetwork = 'mainnet') => {
  const result = validateAddress(text, network, bitcoinNetwork)
  return result.valid ? 'valid' : result.reason
}

type Sample = {
  readonly text: string
  readonly network: Network
  readonly bitcoinNetwork: BitcoinNetwork
  readonly type: string | undefined
}

/** An address of any kind, by the library of its network. */
const samples: fc.Arbitrary<Sample> = fc.oneof(
  hashes.map((hash) => ({
    text: getAddress(`0x${toHex(hash)}`),
    network: 'ethereum' as const,
    bitcoinNetwork: 'mainnet' as const,
    type: 'eip55',
  })),
  hashes.map((hash) => ({
    text: TronWeb.address.fromHex(`41${toHex(hash)}`),
    network: 'tron' as const,
    bitcoinNetwork: 'mainnet' as const,
    type: 'base58check',
  })),
  fc.record({ hash: hashes, long: longHashes, bitcoinNetwork: bitcoinNetworks, kind: fc.nat(4) }).map((given) => {
    const network = toBitcoinjs(given.bitcoinNetwork)
    const [text, type] = [
      [bitcoinAddress.toBase58Check(given.hash, network.pubKeyHash), 'p2pkh'],
      [bitcoinAddress.toBase58Check(given.hash, network.scriptHash), 'p2sh-p2wpkh'],
      [bitcoinAddress.toBech32(given.hash, 0, network.bech32), 'p2wpkh'],
      [bitcoinAddress.toBech32(given.long, 1, network.bech32), 'p2tr'],
      [bitcoinAddress.toBech32(given.long, 0, network.bech32), undefined],
    ][given.kind] as [string, string | undefined]
    return { text, type, network: 'bitcoin' as const, bitcoinNetwork: given.bitcoinNetwork }
  }),
)

describe('against ethers, tronweb and bitcoinjs-lib', () => {
  it('what they encode is valid, of its type, on its network alone', () => {
    fc.assert(
      fc.property(samples, ({ text, network, bitcoinNetwork, type }) => {
        expect(validateAddress(text, network, bitcoinNetwork)).toEqual({ valid: true, addressType: type })
        const other = bitcoinNetwork === 'mainnet' ? 'testnet' : 'mainnet'
        expect(reasonOf(text, network, other)).toBe(network === 'bitcoin' ? 'wrong_network' : 'valid')
        for (const wrong of (['ethereum', 'bitcoin', 'tron'] as const).filter((each) => each !== network)) {
          expect(reasonOf(text, wrong, bitcoinNetwork)).toBe('wrong_network')
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('a Tron address that begins as bech32 of testnet does', () => {
    const text = 'TB115BhpCAFbjPUgniZ36TZYxNB67fPKzr'
    expect(validateAddress(text, 'tron', 'mainnet')).toEqual({ valid: true, addressType: 'base58check' })
    expect(reasonOf(text, 'bitcoin', 'testnet')).toBe('wrong_network')
    expect(reasonOf(text.toLowerCase(), 'bitcoin', 'testnet')).not.toBe('valid')
  })

  it('one other character, one more, one less, and two exchanged are refused', () => {
    const characters = fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')
    fc.assert(
      fc.property(samples, fc.nat(100), characters, ({ text, network, bitcoinNetwork }, place, character) => {
        const at = place % text.length
        const changes = [
          text.slice(0, at) + character + text.slice(at + 1),
          text.slice(0, at) + character + text.slice(at),
          text.slice(0, at) + text.slice(at + 1),
          text.slice(0, at) + text.slice(at + 1, at + 2) + (text[at] ?? '') + text.slice(at + 2),
        ]
        for (const changed of changes) {
          if (changed === text) continue
          // EIP-55 has no length of checksum to speak of: the whole of it is asked again.
          const isStill = network === 'ethereum' && isEthereumTo(changed)
          expect(reasonOf(changed, network, bitcoinNetwork) === 'valid').toBe(isStill)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('any witness program by the rules of BIP-350', () => {
    const programs = fc.uint8Array({ maxLength: 45 })
    fc.assert(
      fc.property(programs, fc.integer({ min: 0, max: 31 }), fc.boolean(), (program, version, isModified) => {
        const coder = isModified ? bech32m : bech32
        const text = coder.encode('bc', [version, ...coder.toWords(program)], false)
        const isLength = version === 0 ? [20, 32].includes(program.length) : program.length >= 2 && program.length <= 40
        const isValid = version <= 16 && isModified === version > 0 && isLength
        expect(reasonOf(text, 'bitcoin') === 'valid').toBe(isValid)
        expect(reasonOf(text.toUpperCase(), 'bitcoin') === 'valid').toBe(isValid)
      }),
      { numRuns: 500 },
    )
  })
})

function isEthereumTo(text: string): boolean {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return false
  try {
    return getAddress(text) !== ''
  } catch {
    return false
  }
}

describe('why a text is no address', () => {
  const ethereum = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
  const bitcoin = '1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA'
  const segwit = 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'
  const tron = 'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH'
  const regtest = bech32.encode('bcrt', [0, ...bech32.toWords(new Uint8Array(20))])
  const litecoin = base58check.encode(Uint8Array.of(0x30, ...new Uint8Array(20)))
  const dataOnly = bech32m.encode('bc', [])

  it.each<[reason: string, text: string, network: Network]>([
    ['empty', '', 'ethereum'],
    ['empty', '', 'bitcoin'],
    ['whitespace', ` ${bitcoin}`, 'bitcoin'],
    ['whitespace', `${tron}\n`, 'tron'],
    ['whitespace', `${segwit}\u00a0`, 'bitcoin'],
    ['whitespace', '   ', 'ethereum'],
    ['invalid_character', `${ethereum.slice(0, -1)}g`, 'ethereum'],
    ['invalid_character', `${ethereum.slice(0, -1)}ｄ`, 'ethereum'],
    ['invalid_character', `${bitcoin.slice(0, -1)}0`, 'bitcoin'],
    ['invalid_character', `${segwit.slice(0, -1)}b`, 'bitcoin'],
    ['invalid_character', `${tron.slice(0, -1)}\u0000`, 'tron'],
    ['invalid_character', `${tron.slice(0, -1)}\ud800`, 'tron'],
    ['invalid_prefix', ethereum.slice(2), 'ethereum'],
    ['invalid_prefix', ethereum.replace('0x', '0X'), 'ethereum'],
    ['mixed_case', segwit.replace('qcr', 'qCr'), 'bitcoin'],
    ['mixed_case', segwit.replace('bc1', 'BC1'), 'bitcoin'],
    ['wrong_length', ethereum.slice(0, -1), 'ethereum'],
    ['wrong_length', `${ethereum}0`, 'ethereum'],
    ['wrong_length', '0x', 'ethereum'],
    ['wrong_length', `${bitcoin}1`, 'bitcoin'],
    ['wrong_length', base58check.encode(new Uint8Array(20)), 'bitcoin'],
    ['wrong_length', base58.encode(new Uint8Array(25)).slice(1), 'tron'],
    ['wrong_length', dataOnly, 'bitcoin'],
    ['wrong_length', 'bc1qqqqq', 'bitcoin'],
    ['wrong_length', `0x${'0'.repeat(5_000_000)}`, 'ethereum'],
    ['wrong_length', '1'.repeat(5_000_000), 'bitcoin'],
    ['wrong_length', `bc1${'q'.repeat(5_000_000)}`, 'bitcoin'],
    ['bad_checksum', ethereum.replace('aA', 'aa'), 'ethereum'],
    ['bad_checksum', bitcoin.replace('A', 'B'), 'bitcoin'],
    ['bad_checksum', segwit.replace('qcr', 'qrr'), 'bitcoin'],
    ['bad_checksum', tron.replace('d', 'D'), 'tron'],
    ['wrong_network', regtest, 'bitcoin'],
    ['wrong_network', litecoin, 'bitcoin'],
    ['wrong_network', litecoin, 'tron'],
    ['wrong_network', tron, 'ethereum'],
    ['wrong_network', ethereum, 'tron'],
  ])('%s (%#)', (reason, text, network) => {
    expect(reasonOf(text, network)).toBe(reason)
  })

  it('says which network it is of, and shows nothing of the text but one character', () => {
    const detailOf = (text: string, network: Network) => {
      const result = validateAddress(text, network, 'mainnet')
      return result.valid ? '' : result.detail
    }
    expect(detailOf(tron, 'bitcoin')).toBe('expected Bitcoin mainnet; got an address of Tron')
    expect(detailOf(regtest, 'bitcoin')).toBe('expected Bitcoin mainnet; got an address of Bitcoin regtest')
    expect(detailOf(litecoin, 'tron')).toBe('expected Tron; got an address of an unknown network (version byte 0x30)')
    expect(detailOf('abandon abandon', 'tron')).toBe('expected printable ASCII without spaces; got U+0020')
    expect(detailOf('abandon', 'ethereum')).toBe('expected 0x and 40 hex digits; got no 0x')
  })
})

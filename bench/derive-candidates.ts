// How each library derives the address at an account, from the nodes that it can keep. Runs as the child of derive.ts.
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bech32, bech32m, base58check as createBase58check } from '@scure/base'
import { HARDENED_OFFSET, HDKey } from '@scure/bip32'
import type { AddressType, Network } from '../shared/model.ts'

/** Published in BIP-39: anyone has its keys. */
const mnemonic = `${'abandon '.repeat(23)}art`
const words = Buffer.from(mnemonic, 'ascii')
const coinPaths: Record<AddressType, string> = {
  eip55: "m/44'/60'",
  p2pkh: "m/44'/0'",
  'p2sh-p2wpkh': "m/49'/0'",
  p2wpkh: "m/84'/0'",
  p2tr: "m/86'/0'",
  base58check: "m/44'/195'",
}

/** Derives the address at `{coin}/{account}'/0/0`; undefined when the library does not know the type. */
type Derive = (account: number) => string
type MakeDerive = (addressType: AddressType, network: Network) => Promise<Derive | undefined>

const base58check = createBase58check(sha256)
const hash160 = (data: Uint8Array) => ripemd160(sha256(data))
const toVersioned = (version: number, hash: Uint8Array) => base58check.encode(Uint8Array.of(version, ...hash))
const toAccountHash = (uncompressed: Uint8Array) => keccak_256(uncompressed.subarray(1)).subarray(12)

async function makeScure(addressType: AddressType): Promise<Derive> {
  const { mnemonicToSeedSync } = await import('bip39')
  const coin = HDKey.fromMasterSeed(mnemonicToSeedSync(mnemonic)).derive(coinPaths[addressType])
  const { getAddress } = await import('ethers')
  const encoders: Record<AddressType, (key: Uint8Array) => string> = {
    eip55: (key) =>
      getAddress(`0x${Buffer.from(toAccountHash(secp256k1.Point.fromBytes(key).toBytes(false))).toString('hex')}`),
    base58check: (key) => toVersioned(0x41, toAccountHash(secp256k1.Point.fromBytes(key).toBytes(false))),
    p2pkh: (key) => toVersioned(0, hash160(key)),
    'p2sh-p2wpkh': (key) => toVersioned(5, hash160(Uint8Array.of(0, 20, ...hash160(key)))),
    p2wpkh: (key) => bech32.encode('bc', [0, ...bech32.toWords(hash160(key))]),
    p2tr: (key) => {
      const x = key.subarray(1)
      const tweak = secp256k1.Point.Fn.fromBytes(schnorr.utils.taggedHash('TapTweak', x))
      const output = schnorr.utils
        .lift_x(secp256k1.Point.Fp.fromBytes(x))
        .add(secp256k1.Point.BASE.multiply(tweak))
        .toBytes(true)
      return bech32m.encode('bc', [1, ...bech32m.toWords(output.subarray(1))])
    },
  }
  return (account) => {
    const node = coin
      .deriveChild(account + HARDENED_OFFSET)
      .deriveChild(0)
      .deriveChild(0)
    return encoders[addressType](node.publicKey as Uint8Array)
  }
}

async function makeEthers(addressType: AddressType): Promise<Derive> {
  const { HDNodeWallet } = await import('ethers')
  const { payments } = await import('bitcoinjs-lib')
  const coin = HDNodeWallet.fromPhrase(mnemonic, '', coinPaths[addressType])
  const toTron = (address: string) => toVersioned(0x41, Buffer.from(address.slice(2), 'hex'))
  if (addressType === 'eip55') return (account) => coin.derivePath(`${account}'/0/0`).address
  if (addressType === 'base58check') return (account) => toTron(coin.derivePath(`${account}'/0/0`).address)
  const encode = await makeBitcoinEncoder(payments, addressType)
  return (account) => encode(Buffer.from(coin.derivePath(`${account}'/0/0`).publicKey.slice(2), 'hex'))
}

async function makeBitcoinEncoder(
  payments: typeof import('bitcoinjs-lib')['payments'],
  addressType: Exclude<AddressType, 'eip55' | 'base58check'>,
): Promise<(publicKey: Uint8Array) => string> {
  const { initEccLib } = await import('bitcoinjs-lib')
  initEccLib(await import('tiny-secp256k1'))
  const encoders = {
    p2pkh: (pubkey: Uint8Array) => payments.p2pkh({ pubkey }),
    'p2sh-p2wpkh': (pubkey: Uint8Array) => payments.p2sh({ redeem: payments.p2wpkh({ pubkey }) }),
    p2wpkh: (pubkey: Uint8Array) => payments.p2wpkh({ pubkey }),
    p2tr: (pubkey: Uint8Array) => payments.p2tr({ internalPubkey: pubkey.subarray(1) }),
  }
  return (publicKey) => encoders[addressType](publicKey).address ?? ''
}

/** In the order in which they are printed; ours first. */
export const candidates = {
  ours: async (addressType, network) => {
    const { openRoot } = await import('../functions/wallet/derivation.ts')
    const { keyring } = openRoot(words, 1, 'mainnet')
    return (account) => keyring.derive(network, addressType, account).address
  },
  '@scure/bip32': makeScure,
  ethers: makeEthers,
  'bitcoinjs-lib, bip32, tiny-secp256k1': async (addressType) => {
    if (addressType === 'eip55' || addressType === 'base58check') return undefined
    const { BIP32Factory } = await import('bip32')
    const { payments } = await import('bitcoinjs-lib')
    const { mnemonicToSeedSync } = await import('bip39')
    const encode = await makeBitcoinEncoder(payments, addressType)
    const coin = BIP32Factory(await import('tiny-secp256k1'))
      .fromSeed(mnemonicToSeedSync(mnemonic))
      .derivePath(coinPaths[addressType])
    return (account) => encode(coin.deriveHardened(account).derive(0).derive(0).publicKey)
  },
  viem: async (addressType) => {
    if (addressType !== 'eip55') return undefined
    const { hdKeyToAccount, HDKey: ViemKey } = await import('viem/accounts')
    const { mnemonicToSeedSync } = await import('bip39')
    const coin = ViemKey.fromMasterSeed(mnemonicToSeedSync(mnemonic)).derive(coinPaths[addressType])
    return (account) =>
      hdKeyToAccount(coin, { path: `m/44'/60'/${account}'/0/0`.replace("44'/60'/", '') as never }).address
  },
  tronweb: async (addressType) => {
    if (addressType !== 'base58check') return undefined
    const { TronWeb } = await import('tronweb')
    return (account) => TronWeb.fromMnemonic(mnemonic, `m/44'/195'/${account}'/0/0`).address
  },
} as const satisfies Record<string, MakeDerive>

export type Candidate = keyof typeof candidates

/** What a candidate is told: to answer its first addresses, or to run that long and answer addresses per CPU-second. */
export type Turn = { readonly network: Network; readonly addressType: AddressType } & (
  | { readonly kind: 'addresses' }
  | { readonly kind: 'run'; readonly milliseconds: number }
)

function runFor(derive: Derive, milliseconds: number): number {
  const cpu = process.cpuUsage()
  const start = performance.now()
  let count = 0
  while (performance.now() - start < milliseconds) derive(count++)
  const { user, system } = process.cpuUsage(cpu)
  return count / ((user + system) / 1e6)
}

async function answer(makeDerive: MakeDerive, made: Map<AddressType, Derive | undefined>, turn: Turn) {
  const { network, addressType } = turn
  if (!made.has(addressType)) made.set(addressType, await makeDerive(addressType, network))
  const derive = made.get(addressType)
  if (!derive) return null
  return turn.kind === 'addresses' ? [0, 1, 2, 1000, 2 ** 31 - 1].map(derive) : runFor(derive, turn.milliseconds)
}

if (process.send) {
  const makeDerive = candidates[process.argv[2] as Candidate]
  const made = new Map<AddressType, Derive | undefined>()
  process.on('message', (turn: Turn) => {
    answer(makeDerive, made, turn).then(
      (result) => process.send?.(result),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}

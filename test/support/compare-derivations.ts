// Derives at random by the production code and by other people's, and stops at the first difference. A process of its own,
// so that several run at once: `node compare-derivations.ts SEED COUNT` prints what it compared, as JSON.
import { createHash } from 'node:crypto'
import { HARDENED_OFFSET, HDKey } from '@scure/bip32'
import * as bip39 from 'bip39'
import { networks as bitcoinJsNetworks, initEccLib, payments } from 'bitcoinjs-lib'
import { computeAddress } from 'ethers'
import * as ecc from 'tiny-secp256k1'
import { TronWeb } from 'tronweb'
import { openRoot } from '../../functions/wallet/derivation.ts'
import { type AddressType, addressTypes, bitcoinNetworks, type Network, networks } from '../../shared/model.ts'

initEccLib(ecc)
const perRoot = 250
const versions = { private: 0x04358394, public: 0x043587cf }
const purposes: Record<AddressType, number> = {
  ...{ eip55: 44, base58check: 44, p2pkh: 44 },
  ...{ 'p2sh-p2wpkh': 49, p2wpkh: 84, p2tr: 86 },
}

/** What the networks' own libraries make of a public key. */
const encoders: Record<AddressType, (pubkey: Uint8Array, network: bitcoinJsNetworks.Network) => string | undefined> = {
  eip55: (pubkey) => computeAddress(`0x${Buffer.from(pubkey).toString('hex')}`),
  base58check: (pubkey) =>
    TronWeb.address.fromHex(`41${computeAddress(`0x${Buffer.from(pubkey).toString('hex')}`).slice(2)}`),
  p2pkh: (pubkey, network) => payments.p2pkh({ pubkey, network }).address,
  'p2sh-p2wpkh': (pubkey, network) => payments.p2sh({ redeem: payments.p2wpkh({ pubkey, network }), network }).address,
  p2wpkh: (pubkey, network) => payments.p2wpkh({ pubkey, network }).address,
  p2tr: (pubkey, network) => payments.p2tr({ internalPubkey: pubkey.subarray(1), network }).address,
}

const [seed = '', count = '0'] = process.argv.slice(2)
let drawn = 0
/** 32 random bytes that the seed and a counter determine: a difference is found again. */
const draw = () => createHash('sha256').update(`${seed}/${drawn++}`).digest()

const types = networks.flatMap((network) => addressTypes[network].map((type) => [network, type] as const))
/** How often the first byte of each of these was zero: dropped leading zeros have lost others their funds. */
const leadingZeros = { accountPrivateKey: 0, privateKey: 0, chainCode: 0, x: 0, y: 0 }
let compared = 0

function compareOne(root: HDKey, keyring: ReturnType<typeof openRoot>['keyring'], isTestnet: boolean): void {
  const random = draw()
  const [network, addressType] = types[(random[0] as number) % types.length] as readonly [Network, AddressType]
  const edges = [0, 1, 2 ** 31 - 2, 2 ** 31 - 1]
  const isEdge = (random[1] as number) < 4
  const account = isEdge ? (edges[random[1] as number] as number) : random.readUInt32BE(2) % HARDENED_OFFSET
  const coinType = { ethereum: 60, bitcoin: isTestnet ? 1 : 0, tron: 195 }[network]
  const ours = keyring.derive(network, addressType, account)

  const accountNode = root.derive(`m/${purposes[addressType]}'/${coinType}'/${account}'`)
  const node = accountNode.deriveChild(0).deriveChild(0)
  const publicKey = node.publicKey as Uint8Array
  const bitcoinNetwork = isTestnet ? bitcoinJsNetworks.testnet : bitcoinJsNetworks.bitcoin
  const theirs = {
    path: `m/${purposes[addressType]}'/${coinType}'/${account}'/0/0`,
    address: encoders[addressType](publicKey, bitcoinNetwork),
    publicKey: Buffer.from(publicKey).toString('hex'),
    accountXpub: accountNode.publicExtendedKey,
  }
  const same = JSON.stringify({ ...ours, publicKey: Buffer.from(ours.publicKey).toString('hex') })
  if (same !== JSON.stringify(theirs)) {
    throw new Error(`draw ${drawn} of seed ${seed}: ours ${same}, theirs ${JSON.stringify(theirs)}`)
  }
  compared += 1
  const uncompressed = ecc.pointCompress(publicKey, false)
  if (accountNode.privateKey?.[0] === 0) leadingZeros.accountPrivateKey += 1
  if (node.privateKey?.[0] === 0) leadingZeros.privateKey += 1
  if (accountNode.chainCode?.[0] === 0) leadingZeros.chainCode += 1
  if (uncompressed[1] === 0) leadingZeros.x += 1
  if (uncompressed[33] === 0) leadingZeros.y += 1
}

/** Keeps the nodes that many accounts share. */
function cacheCoinNodes(master: HDKey): HDKey {
  const cache = new Map<string, HDKey>()
  const derive = (path: string) => {
    const coinPath = path.split('/').slice(0, 3).join('/')
    const coin = cache.get(coinPath) ?? master.derive(coinPath)
    cache.set(coinPath, coin)
    return coin.deriveChild(Number.parseInt(path.split('/')[3] as string, 10) + HARDENED_OFFSET)
  }
  return { derive } as HDKey
}

const parent = process.ppid
while (compared < Number(count)) {
  // Whoever waited for the result is gone.
  if (process.ppid !== parent) process.exit(1)
  const isTestnet = (draw()[0] as number) % 4 === 0
  const mnemonic = bip39.entropyToMnemonic(draw())
  const { keyring, close } = openRoot(Buffer.from(mnemonic, 'ascii'), 1, bitcoinNetworks[isTestnet ? 1 : 0])
  const master = HDKey.fromMasterSeed(bip39.mnemonicToSeedSync(mnemonic), ...(isTestnet ? [versions] : []))
  const root = cacheCoinNodes(master)
  for (let n = 0; n < perRoot && compared < Number(count); n++) compareOne(root, keyring, isTestnet)
  close()
}
console.log(JSON.stringify({ compared, leadingZeros }))

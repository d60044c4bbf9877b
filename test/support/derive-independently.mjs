// A second opinion on addresses, as an auditor would form it: ethers, bitcoinjs-lib and tronweb, and nothing of ours.
// Reads {mnemonic, accounts} as JSON from standard input, writes one {address type: address} an account.
import * as ecc from '@bitcoinerlab/secp256k1'
import { HDKey } from '@scure/bip32'
import { initEccLib, payments } from 'bitcoinjs-lib'
import { HDNodeWallet, Mnemonic } from 'ethers'
import { TronWeb } from 'tronweb'

initEccLib(ecc)
const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const { mnemonic, accounts } = JSON.parse(Buffer.concat(chunks).toString('utf8'))
const parsed = Mnemonic.fromPhrase(mnemonic)
const root = HDKey.fromMasterSeed(Buffer.from(parsed.computeSeed().slice(2), 'hex'))
const bitcoinKey = (purpose, account) => root.derive(`m/${purpose}'/0'/${account}'/0/0`).publicKey

const answers = accounts.map((n) => ({
  eip55: HDNodeWallet.fromMnemonic(parsed, `m/44'/60'/${n}'/0/0`).address,
  p2pkh: payments.p2pkh({ pubkey: bitcoinKey(44, n) }).address,
  'p2sh-p2wpkh': payments.p2sh({ redeem: payments.p2wpkh({ pubkey: bitcoinKey(49, n) }) }).address,
  p2wpkh: payments.p2wpkh({ pubkey: bitcoinKey(84, n) }).address,
  // The internal key is x alone, without the byte that tells y (BIP-340).
  p2tr: payments.p2tr({ internalPubkey: bitcoinKey(86, n).subarray(1) }).address,
  base58check: TronWeb.fromMnemonic(mnemonic, `m/44'/195'/${n}'/0/0`).address,
}))
process.stdout.write(JSON.stringify(answers))

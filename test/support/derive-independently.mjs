// A second opinion on addresses, as an auditor would form it: ethers, bitcoinjs-lib and tronweb, and nothing of ours.
// Reads {mnemonic, accounts} as JSON from standard input, writes one {ethereum, bitcoin, tron} an account.
import { HDKey } from '@scure/bip32'
import { payments } from 'bitcoinjs-lib'
import { HDNodeWallet, Mnemonic } from 'ethers'
import { TronWeb } from 'tronweb'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const { mnemonic, accounts } = JSON.parse(Buffer.concat(chunks).toString('utf8'))
const parsed = Mnemonic.fromPhrase(mnemonic)
const root = HDKey.fromMasterSeed(Buffer.from(parsed.computeSeed().slice(2), 'hex'))

const answers = accounts.map((n) => ({
  ethereum: HDNodeWallet.fromMnemonic(parsed, `m/44'/60'/${n}'/0/0`).address,
  bitcoin: payments.p2pkh({ pubkey: root.derive(`m/44'/0'/${n}'/0/0`).publicKey }).address,
  tron: TronWeb.fromMnemonic(mnemonic, `m/44'/195'/${n}'/0/0`).address,
}))
process.stdout.write(JSON.stringify(answers))

// `npm run --silent validate`: whether each line of standard input is an address of a network. Asks the wallet function's
// own decoder; decides nothing itself.

import type { BitcoinNetwork, Network } from '../shared/model.ts'
import { validateAddress } from '../shared/validate-address.ts'
import {
  decodeUtf8,
  type Line,
  longestLine,
  readFlags,
  readLines,
  runCommand,
  toBitcoinNetwork,
  toNetwork,
  writeLine,
} from './command-line.ts'

const help = `Reads addresses from standard input, one a line, and writes for each one line of JSON:
{address, valid, address_type?, reason?}. Exit status 0 whatever they are.

  npm run --silent validate -- --network tron < addresses.txt

  --network ethereum|bitcoin|tron
  --bitcoin-network mainnet|testnet   which Bitcoin is meant; mainnet unless said
  --help

address_type is missing for a valid address of a type that is never issued here, such as P2WSH. A P2SH address is
p2sh-p2wpkh: what its script is, it does not tell. reason begins with a stable code and a colon.
`

/** Of a line that is longer than may be, so much comes back. */
const longestEcho = 256

function describeLine({ bytes, isTooLong }: Line, network: Network, bitcoinNetwork: BitcoinNetwork): string {
  if (isTooLong) {
    const address = Buffer.from(bytes.subarray(0, longestEcho)).toString('latin1')
    const reason = `wrong_length: expected at most ${longestLine} bytes on a line; got more, of which address has the first`
    return JSON.stringify({ address, valid: false, reason })
  }
  const text = decodeUtf8(bytes)
  if (text === undefined) {
    const address = Buffer.from(bytes).toString('utf8')
    return JSON.stringify({ address, valid: false, reason: 'invalid_character: expected UTF-8; got other bytes' })
  }
  const result = validateAddress(text, network, bitcoinNetwork)
  return JSON.stringify(
    result.valid
      ? { address: text, valid: true, address_type: result.addressType }
      : { address: text, valid: false, reason: `${result.reason}: ${result.detail}` },
  )
}

await runCommand(async () => {
  const flags = readFlags(process.argv.slice(2), {
    network: 'string',
    'bitcoin-network': 'string',
    help: 'boolean',
  })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const network = toNetwork(flags.network)
  const bitcoinNetwork = toBitcoinNetwork(flags['bitcoin-network'])
  for await (const line of readLines(process.stdin)) await writeLine(describeLine(line, network, bitcoinNetwork))
})

// `npm run --silent derive`: the addresses of a mnemonic, a seed or an extended key, by the wallet function's own derivation.
// Flags, modes and lines are here; what is derived is in derivation-request.ts.
import { wipeKey } from '../functions/wallet/bip32.ts'
import {
  decodeUtf8,
  describeError,
  describeValue,
  InputError,
  longestLine,
  readFlags,
  readLines,
  runCommand,
  toBitcoinNetwork,
  toNetwork,
  writeLine,
} from './command-line.ts'
import {
  answerRequest,
  checkAccount,
  type Destination,
  deriveAnswer,
  openSource,
  parsePath,
  type Secret,
  type Source,
  sources,
  toAddressType,
  withAccountStep,
} from './derivation-request.ts'

const help = `Reads a secret from standard input and writes one line of JSON:
{path, address, public_key, xpub, master_fingerprint}. Errors go to standard error, with exit status 2.

  npm run --silent derive -- --network bitcoin --address-type p2tr --account 3 < secret.txt

Line 1 is the mnemonic, line 2 (optional) the passphrase, exactly as it stands.

  --network ethereum|bitcoin|tron
  --address-type TYPE                 of Bitcoin p2pkh (unless said), p2sh-p2wpkh, p2wpkh, p2tr
  --account N                         0 to 2147483647; 0 unless said
  --path m/...                        instead of the standard path m/{purpose}'/{coin}'/{account}'/0/0
  --count N                           writes N lines, stepping the account (of a path the third step)
  --from mnemonic|seed|xprv|xpub      what line 1 is; a seed in hex; a path begins at the given key
  --bitcoin-network mainnet|testnet   mainnet unless said
  --ndjson                            reads requests, one JSON object a line, and answers each with one line:
                                      {mnemonic | seed | xprv | xpub, passphrase?, network, address_type?,
                                      account? | path?, bitcoin_network?}
  --help
`

const knownFlags = {
  network: 'string',
  'address-type': 'string',
  account: 'string',
  path: 'string',
  count: 'string',
  from: 'string',
  'bitcoin-network': 'string',
  ndjson: 'boolean',
  help: 'boolean',
} as const
type Flags = ReturnType<typeof readFlags<keyof typeof knownFlags>>

/** One line for each line, in order, as soon as it is there. */
async function answerRequests(): Promise<void> {
  for await (const { bytes, isTooLong } of readLines(process.stdin)) {
    let answer: string
    try {
      if (isTooLong) throw refuseLength()
      answer = JSON.stringify(answerRequest(bytes))
    } catch (error) {
      answer = describeError(error)
    } finally {
      bytes.fill(0)
    }
    await writeLine(answer)
  }
}

async function answerFlags(flags: Flags): Promise<void> {
  const network = toNetwork(flags.network)
  if (flags.path !== undefined && flags.account !== undefined) {
    throw new InputError('invalid_arguments', 'expected --account or --path, not both: the path says the account')
  }
  const first: Destination = {
    network,
    addressType: toAddressType(network, flags['address-type']),
    bitcoinNetwork: toBitcoinNetwork(flags['bitcoin-network']),
    path: typeof flags.path === 'string' ? parsePath(flags.path) : undefined,
    account: checkAccount(flags.account === undefined ? 0 : toNumber(flags.account)),
  }
  const count = flags.count === undefined ? 1 : toNumber(flags.count)
  if (typeof count !== 'number' || count < 1) {
    const got = describeValue(flags.count)
    throw new InputError('invalid_count', `expected a count, a whole number from 1 to ${2 ** 31}; got ${got}`)
  }
  const step = (offset: number): Destination =>
    offset === 0
      ? first
      : {
          ...first,
          path: first.path && withAccountStep(first.path, offset),
          account: checkAccount(first.account + offset),
        }
  // Before anything is written: all lines can be.
  step(count - 1)
  const key = openSource(await readSecret(toSource(flags.from)))
  try {
    for (let offset = 0; offset < count; offset++) await writeLine(JSON.stringify(deriveAnswer(key, step(offset))))
  } finally {
    wipeKey(key)
  }
}

/** Decimal digits as a number; anything else as it is, for the message. */
const toNumber = (text: unknown) => (/^(?:0|[1-9]\d{0,9})$/.test(String(text)) ? Number(text) : text)

function toSource(value: unknown = 'mnemonic'): Source {
  const found = sources.find((name) => name === value)
  if (found) return found
  throw new InputError('unknown_source', `expected --from ${sources.join('|')}; got ${describeValue(value)}`)
}

const refuseLength = () => new InputError('line_too_long', `expected at most ${longestLine} bytes on a line; got more`)

/** Line 1 and line 2; nothing but line ends may follow. */
async function readSecret(source: Source): Promise<Secret> {
  if (process.stdin.isTTY) console.error(`${source} on the first line, passphrase on the second; then Ctrl-D`)
  const lines: Uint8Array[] = []
  for await (const { bytes, isTooLong } of readLines(process.stdin)) {
    if (isTooLong) throw refuseLength()
    if (lines.length < 2) lines.push(bytes)
    else if (bytes.length > 0) throw new InputError('unexpected_line', 'expected two lines at most; got more')
  }
  const [bytes, passphrase = new Uint8Array()] = lines
  if (!bytes?.length)
    throw new InputError('empty_input', `expected a ${source} on the first line of standard input; got none`)
  if (decodeUtf8(bytes) === undefined || decodeUtf8(passphrase) === undefined) {
    throw new InputError('invalid_utf8', 'expected UTF-8 on standard input; got other bytes')
  }
  return { source, bytes, passphrase }
}

await runCommand(async () => {
  const flags = readFlags(process.argv.slice(2), knownFlags)
  if (flags.help) {
    process.stdout.write(help)
  } else if (flags.ndjson) {
    const other = Object.keys(flags).find((name) => name !== 'ndjson')
    if (other) throw new InputError('invalid_arguments', `with --ndjson every request says its own; got --${other}`)
    await answerRequests()
  } else {
    await answerFlags(flags)
  }
})

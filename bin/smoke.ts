// `npm run smoke -- --url https://… --token-file FILE`: whether a deployed stage turns a document into a wallet. Flags and the
// token are here; the journey is in smoke-check.ts.
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import {
  decodeUtf8,
  InputError,
  readFlags,
  readLines,
  runOperatorCommand,
  toBitcoinNetwork,
  toNetwork,
  writeLine,
} from './command-line.ts'
import { chooseUser, runSmoke, toSmokeAddressType } from './smoke-check.ts'

const help = `Sends one document through a deployed stage and waits for its wallet. That wallet is real and stays: it takes one
account index.

  npm run smoke -- --url https://API --token-file FILE
  npm run --silent token -- --service smoke | npm run smoke -- --url http://127.0.0.1:8000

  --url URL           of the API, with its stage if the address has one
  --token-file FILE   an access token with verify:write, verify:read and wallet:read; standard input unless given
  --network NAME      ethereum (unless said), bitcoin, tron
  --address-type TYPE of that network; its default unless said
  --bitcoin-network mainnet|testnet
  --user ID           with a user's token its own user, with a service's a new one, unless said
  --timeout SECONDS   for everything together; 300 unless said
  --help

Progress goes to standard error, the wallet to standard output as one line of JSON. Exit status 0: it works. 1: it does not,
and the code says at which step: health, post, verify, wallet, address. 2: it was not tried.
`

/** A token must not travel in clear but to this machine. */
function toUrl(given: string | true | undefined): string {
  const text = String(given ?? '')
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isLoopback = url?.hostname === '127.0.0.1' || url?.hostname === 'localhost'
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLoopback)) {
    throw new InputError('invalid_arguments', 'expected --url https://…, or http://127.0.0.1:PORT of a local stack')
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function toSeconds(given: string | true): number {
  if (/^[1-9]\d{0,4}$/.test(String(given))) return Number(given)
  throw new InputError('invalid_arguments', 'expected --timeout in whole seconds, from 1 to 99999')
}

async function readToken(file: string | true | undefined): Promise<string> {
  if (file === undefined && process.stdin.isTTY) {
    throw new InputError('empty_input', 'expected --token-file FILE, or an access token on standard input')
  }
  const input = typeof file === 'string' ? createReadStream(file) : process.stdin
  try {
    for await (const { bytes } of readLines(input, 16_384)) return (decodeUtf8(bytes) ?? '').trim()
  } catch (cause) {
    throw new InputError('no_token', `the token could not be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
  throw new InputError('empty_input', 'expected an access token; got nothing')
}

await runOperatorCommand(async () => {
  const flags = readFlags(process.argv.slice(2), {
    url: 'string',
    'token-file': 'string',
    network: 'string',
    'address-type': 'string',
    'bitcoin-network': 'string',
    user: 'string',
    timeout: 'string',
    help: 'boolean',
  })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const url = toUrl(flags.url)
  const network = toNetwork(flags.network ?? 'ethereum')
  const addressType = toSmokeAddressType(network, flags['address-type'])
  const bitcoinNetwork = toBitcoinNetwork(flags['bitcoin-network'])
  const timeoutSeconds = toSeconds(flags.timeout ?? '300')
  const token = await readToken(flags['token-file'])
  const userId = typeof flags.user === 'string' ? flags.user : chooseUser(token, randomUUID)
  const say = (text: string) => console.error(text)
  say(`${url}: a document in, a wallet on ${network} (${addressType}) out`)
  const result = await runSmoke(
    { url, token, userId, network, addressType, bitcoinNetwork, timeoutSeconds },
    { fetch, now: Date.now, wait, say },
  )
  say(`works: ${result.seconds} s`)
  await writeLine(JSON.stringify({ url, ...result }))
})

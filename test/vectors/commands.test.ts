// The official vectors, and every kind of bad input, through the commands as anyone runs them: child processes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createBase58check } from '@scure/base'
import { HDKey } from '@scure/bip32'
import { mnemonicToSeedSync } from 'bip39'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../functions/wallet/base58.ts'
import { addressTypes, bitcoinNetworks, networks } from '../../shared/model.ts'
import {
  commandPath,
  type DeriveAnswer,
  derive,
  parseLines,
  runCommand,
  runProgram,
  type ValidateAnswer,
  validate,
} from '../support/commands.ts'
import bip32 from './bip32.json' with { type: 'json' }
import bip39 from './bip39-english.json' with { type: 'json' }
import bip44Addresses from './bip44-addresses.json' with { type: 'json' }
import bip44Paths from './bip44-paths.json' with { type: 'json' }
import bip49 from './bip49.json' with { type: 'json' }
import bip84 from './bip84.json' with { type: 'json' }
import bip86 from './bip86.json' with { type: 'json' }
import bip173 from './bip173.json' with { type: 'json' }
import bip350 from './bip350.json' with { type: 'json' }
import eip55 from './eip55.json' with { type: 'json' }
import slip44 from './slip44.json' with { type: 'json' }
import slip132 from './slip132.json' with { type: 'json' }

const bitcoin = { network: 'bitcoin' }
const { mnemonic } = bip44Addresses
const base58check = createBase58check(sha256)
const toFingerprint = (key: HDKey) => key.fingerprint.toString(16).padStart(8, '0')
const isTestnet = (address: string) => /^tb/i.test(address)

describe('BIP-32', () => {
  const chains = bip32.valid.flatMap(({ seed, chains }) => chains.map((chain) => ({ seed, ...chain })))

  it('vectors 1 to 4: every node from the seed, and its fingerprint', async () => {
    const answers = await derive(chains.map(({ seed, path }) => ({ seed, path, ...bitcoin })))
    expect(answers.map(({ path, xpub }) => ({ path, xpub }))).toEqual(chains.map(({ path, xpub }) => ({ path, xpub })))
    expect(answers.map((answer) => answer.master_fingerprint)).toEqual(
      chains.map(({ seed }) => toFingerprint(HDKey.fromMasterSeed(Buffer.from(seed, 'hex')))),
    )
  })

  it('vectors 1 to 4: every node of itself, and from its parent, private and public', async () => {
    const pairs = chains.flatMap((parent, at) => {
      const child = chains[at + 1]
      return child?.seed === parent.seed ? [{ parent, child, step: child.path.split('/').at(-1) ?? '' }] : []
    })
    const own = chains.flatMap(({ xprv, xpub }) => [
      [{ xprv, path: 'm', ...bitcoin }, xpub],
      [{ xpub, path: 'm', ...bitcoin }, xpub],
    ])
    const privately = pairs.map(({ parent, child, step }) => [
      { xprv: parent.xprv, path: `m/${step}`, ...bitcoin },
      child.xpub,
    ])
    const publicly = pairs.map(({ parent, child, step }) => [
      { xpub: parent.xpub, path: `m/${step}`, ...bitcoin },
      step.endsWith("'") ? 'hardened_from_xpub' : child.xpub,
    ])
    const cases = [...own, ...privately, ...publicly]
    const answers = await derive(cases.map(([request]) => request))
    expect(answers.map(({ xpub, error }) => error?.code ?? xpub)).toEqual(cases.map(([, expected]) => expected))
    expect(publicly.map(([, expected]) => expected)).toContain('hardened_from_xpub')
  })

  it('vector 5: every invalid key is refused, as private and as public', async () => {
    const requests = bip32.invalid.flatMap(({ key }) => [
      { xprv: key, path: 'm', ...bitcoin },
      { xpub: key, path: 'm', ...bitcoin },
    ])
    const answers = await derive(requests)
    expect(answers.map(({ error }) => error?.code)).toEqual(requests.map(() => 'invalid_extended_key'))
    expect(requests).toHaveLength(32)
  })
})

describe('BIP-39', () => {
  it('24 English vectors: mnemonic and passphrase, seed, and master key are one', async () => {
    const answers = await derive(
      bip39.flatMap(({ mnemonic, seed, xprv }) => [
        { mnemonic, passphrase: 'TREZOR', path: 'm', ...bitcoin },
        { seed, path: 'm', ...bitcoin },
        { xprv, path: 'm', ...bitcoin },
      ]),
    )
    const expected = bip39.flatMap(({ xprv }) => {
      const master = HDKey.fromExtendedKey(xprv)
      return Array(3).fill({ xpub: master.publicExtendedKey, master_fingerprint: toFingerprint(master) })
    })
    expect(answers.map(({ xpub, master_fingerprint }) => ({ xpub, master_fingerprint }))).toEqual(expected)
    expect(answers).toHaveLength(72)
  })

  it('passphrases: none, spaces, composed and decomposed, other alphabets, beyond the basic plane', async () => {
    const passphrases = [
      '',
      ' ',
      ' a ',
      '\u00e9',
      'e\u0301',
      '\ufb01 \u212b',
      '\u30e1\u304c\u3071 \u5341',
      '\u{1f511}\u0000',
      'x'.repeat(5000),
    ]
    const answers = await derive(passphrases.map((passphrase) => ({ mnemonic, passphrase, path: 'm', ...bitcoin })))
    expect(answers.map(({ xpub }) => xpub)).toEqual(
      passphrases.map((each) => HDKey.fromMasterSeed(mnemonicToSeedSync(mnemonic, each)).publicExtendedKey),
    )
    expect(answers[3]?.xpub).toBe(answers[4]?.xpub)
  })

  it('a phrase is its words: spaces around and between them do not matter, full-width letters are letters', async () => {
    const words = mnemonic.split(' ')
    const phrases = [
      mnemonic,
      `  ${words.join('\t \u3000')}\r\n`,
      words.join('\u00a0'),
      mnemonic.replace('about', 'ａｂｏｕｔ'),
    ]
    const answers = await derive(phrases.map((phrase) => ({ mnemonic: phrase, ...bitcoin })))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]?.address).toBe('1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA')
  })
})

describe('BIP-44, 49, 84, 86', () => {
  it('published addresses of purpose 44, and the coin types of SLIP-44', async () => {
    const { addresses } = bip44Addresses
    const answers = await derive(addresses.map(({ network, address_type }) => ({ mnemonic, network, address_type })))
    for (const [at, { path, address, account_xpub }] of addresses.entries()) {
      expect(answers[at]).toMatchObject({ path, address, ...(account_xpub ? { xpub: account_xpub } : {}) })
    }
    const types = networks.flatMap((network) =>
      bitcoinNetworks.flatMap((bitcoin_network) =>
        addressTypes[network].map((address_type) => ({ network, bitcoin_network, address_type })),
      ),
    )
    const coinTypeOf = (symbol: string | null) => slip44.find((coin) => coin.symbol === symbol)?.coin_type
    const symbols = { ethereum: 'ETH', tron: 'TRX' }
    const purposes = { p2pkh: 44, 'p2sh-p2wpkh': 49, p2wpkh: 84, p2tr: 86, eip55: 44, base58check: 44 }
    const standard = await derive(types.map((type) => ({ mnemonic, ...type, account: 7 })))
    expect(standard.map(({ path }) => path)).toEqual(
      types.map(({ network, bitcoin_network, address_type }) => {
        const symbol = network !== 'bitcoin' ? symbols[network] : bitcoin_network === 'mainnet' ? 'BTC' : null
        return `m/${purposes[address_type]}'/${coinTypeOf(symbol)}'/7'/0/0`
      }),
    )
    expect(slip44.map((coin) => coin.coin_type)).toEqual([0, 1, 60, 195])
  })

  it('the example paths of BIP-44, each from the account that it names', async () => {
    const asked = bip44Paths.map(({ coin, path }) => ({
      mnemonic,
      path,
      ...bitcoin,
      bitcoin_network: coin === 'Bitcoin' ? 'mainnet' : 'testnet',
    }))
    const byPath = await derive(asked)
    expect(byPath.map(({ path }) => path)).toEqual(bip44Paths.map(({ path }) => path))
    const first = bip44Paths.flatMap(({ chain, address, account }, at) =>
      chain === 'external' && address === 'first' ? [{ at, account: account === 'first' ? 0 : 1 }] : [],
    )
    const byAccount = await derive(
      first.map(({ at, account }) => ({ mnemonic, account, ...bitcoin, bitcoin_network: asked[at]?.bitcoin_network })),
    )
    expect(byAccount).toEqual(first.map(({ at }) => byPath[at]))
    expect(byAccount).toHaveLength(4)
  })

  it.each([
    { name: 'BIP-49', vector: bip49, address_type: 'p2sh-p2wpkh', bitcoin_network: 'testnet', prefix: 'tpub' },
    { name: 'BIP-84', vector: bip84, address_type: 'p2wpkh', bitcoin_network: 'mainnet', prefix: 'xpub' },
    { name: 'BIP-86', vector: bip86, address_type: 'p2tr', bitcoin_network: 'mainnet', prefix: 'xpub' },
  ])('$name: addresses, public keys, account keys and roots', async ({ vector, prefix, ...type }) => {
    const where = { ...bitcoin, address_type: type.address_type, bitcoin_network: type.bitcoin_network }
    const { account, root_private_key, addresses } = vector
    const [standard, root, fromRoot, fromPrivate, fromPublic, ...others] = await derive([
      { mnemonic, account: 0, ...where },
      { mnemonic, path: 'm', ...where },
      { xprv: root_private_key, path: 'm', ...where },
      { xprv: account.private_key, path: 'm', ...where },
      { xpub: account.public_key, path: 'm', ...where },
      ...addresses.map(({ path }) => ({ mnemonic, path, ...where })),
      ...addresses.map(({ path }) => ({ xpub: account.public_key, path: path.replace(account.path, 'm'), ...where })),
    ])
    expect(standard).toEqual(others[0])
    expect(fromRoot).toEqual(root)
    expect(fromPrivate).toEqual(fromPublic)
    expect(fromPublic).toMatchObject({ xpub: standard?.xpub, master_fingerprint: null })
    expect(standard?.xpub.slice(0, 4)).toBe(prefix)
    for (const [at, address] of [...addresses, ...addresses].entries()) {
      expect(others[at]?.address).toBe(address.address)
      if ('public_key' in address) expect(others[at]?.public_key).toBe(address.public_key)
      else expect(others[at]?.public_key.slice(2)).toBe(address.internal_key)
    }
    expect(vector.mnemonic).toBe(mnemonic)
  })

  it('BIP-86: the xpub of the vectors, which is an address node of its own', async () => {
    // The path of a vector is a standard one, whose xpub is the account's: from the account key the node's own is told.
    const { account, addresses } = bip86
    const answers = await derive(
      addresses.map(({ path }) => ({ xprv: account.private_key, path: path.replace(account.path, 'm'), ...bitcoin })),
    )
    expect(answers.map(({ xpub }) => xpub)).toEqual(addresses.map(({ xpub }) => xpub))
  })
})

describe('SLIP-132', () => {
  it('the accounts of its test vectors', async () => {
    const types: Record<string, string> = { "m/44'": 'p2pkh', "m/49'": 'p2sh-p2wpkh', "m/84'": 'p2wpkh' }
    const cases = slip132.accounts.flatMap(({ path, private_key, public_key, address_path, address }) => {
      const where = { ...bitcoin, address_type: types[path.slice(0, 5)] }
      return [
        [{ mnemonic: slip132.mnemonic, path: address_path, ...where }, address],
        [{ xprv: private_key, path: 'm/0/0', ...where }, address],
        [{ xpub: public_key, path: 'm/0/0', ...where }, address],
      ]
    })
    const answers = await derive(cases.map(([request]) => request))
    expect(answers.map(({ address }) => address)).toEqual(cases.map(([, address]) => address))
    expect(cases).toHaveLength(9)
  })

  it('every registered prefix of Bitcoin is read, and comes back as xpub or tpub', async () => {
    const { xprv, xpub } = bip32.valid[0]?.chains[1] ?? { xprv: '', xpub: '' }
    const reprefix = (key: string, version: string) =>
      base58check.encode(Buffer.concat([Buffer.from(version.slice(2), 'hex'), base58check.decode(key).subarray(4)]))
    const requests = slip132.prefixes.flatMap((row) => {
      const where = { path: 'm', ...bitcoin, bitcoin_network: row.coin === 'Bitcoin' ? 'mainnet' : 'testnet' }
      const keys = { xpub: reprefix(xpub, row.public.version), xprv: reprefix(xprv, row.private.version) }
      expect([keys.xpub.slice(0, 4), keys.xprv.slice(0, 4)]).toEqual([row.public.prefix, row.private.prefix])
      return [
        { xpub: keys.xpub, ...where },
        { xprv: keys.xprv, ...where },
      ]
    })
    const answers = await derive(requests)
    const testnet = reprefix(xpub, '0x043587cf')
    expect(answers.map((answer) => answer.xpub)).toEqual(
      requests.map(({ bitcoin_network }) => (bitcoin_network === 'mainnet' ? xpub : testnet)),
    )
    expect(requests).toHaveLength(20)
  })
})

describe('validate', () => {
  it('EIP-55: the test cases; lower and upper case need no checksum; one letter in the other case is wrong', async () => {
    const swapped = eip55.map((address) =>
      address.replace(/(?<=^0x.*)[a-f]/i, (letter) =>
        letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
      ),
    )
    const plain = eip55.flatMap((address) => [address.toLowerCase(), `0x${address.slice(2).toUpperCase()}`])
    const answers = await validate(['--network', 'ethereum'], [...eip55, ...plain, ...swapped])
    const valid = [...eip55, ...plain].map((address) => ({ address, valid: true, address_type: 'eip55' }))
    expect(answers.slice(0, valid.length)).toEqual(valid)
    for (const answer of answers.slice(valid.length)) {
      expect(answer).toMatchObject({ valid: false, reason: expect.stringMatching(/^bad_checksum: /) })
    }
  })

  it.each(bitcoinNetworks)('BIP-173 and BIP-350: addresses of Bitcoin %s', async (network) => {
    const valid = [...bip173.valid_addresses, ...bip350.valid_addresses]
    const invalid = [...bip173.invalid_addresses, ...bip350.invalid_addresses].map(({ address }) => address)
    const all = [...valid.map(({ address }) => address), ...invalid]
    const answers = await validate(['--network', 'bitcoin', '--bitcoin-network', network], all)
    for (const [at, { address, script_pub_key }] of valid.entries()) {
      // BIP-350 supersedes BIP-173 from witness version 1 on: those addresses of BIP-173 are valid no more.
      const isSuperseded = at < bip173.valid_addresses.length && !script_pub_key.startsWith('00')
      const reason = isSuperseded
        ? 'bad_checksum'
        : isTestnet(address) === (network === 'testnet')
          ? ''
          : 'wrong_network'
      expect(answers[at]).toMatchObject({ address, valid: reason === '' })
      if (reason) expect(answers[at]?.reason).toMatch(new RegExp(`^${reason}: `))
      const type = /^0014/.test(script_pub_key) ? 'p2wpkh' : /^5120/.test(script_pub_key) ? 'p2tr' : undefined
      if (!reason) expect(answers[at]?.address_type).toBe(type)
    }
    for (const answer of answers.slice(valid.length)) expect(answer).toMatchObject({ valid: false })
  })

  it('BIP-173 and BIP-350: strings with a right checksum are of a wrong network, the others are nothing', async () => {
    const right = [...bip173.valid_strings, ...bip350.valid_strings]
    const wrong = [...bip173.invalid_strings, ...bip350.invalid_strings].map(({ text }) => text)
    const answers = await validate(['--network', 'bitcoin'], [...right, ...wrong])
    const isWrongNetwork = answers.map(({ valid, reason }) => !valid && reason?.startsWith('wrong_network: '))
    expect(isWrongNetwork).toEqual([...right.map(() => true), ...wrong.map(() => false)])
    expect(answers.map(({ valid }) => valid)).toEqual(answers.map(() => false))
  })

  it('what derive answers is valid on its own network and on no other', async () => {
    const places = [
      { network: 'ethereum', bitcoin_network: 'mainnet' },
      { network: 'bitcoin', bitcoin_network: 'mainnet' },
      { network: 'bitcoin', bitcoin_network: 'testnet' },
      { network: 'tron', bitcoin_network: 'mainnet' },
    ] as const
    const asked = places.flatMap((place) =>
      addressTypes[place.network].map((address_type) => ({ ...place, address_type })),
    )
    const answers = await derive(asked.map((each) => ({ mnemonic, account: 2 ** 31 - 1, ...each })))
    const addresses = answers.map(({ address }) => address)
    for (const { network, bitcoin_network } of places) {
      const found = await validate(['--network', network, '--bitcoin-network', bitcoin_network], addresses)
      expect(found).toEqual(
        asked.map((each, at) =>
          each.network === network && each.bitcoin_network === bitcoin_network
            ? { address: addresses[at], valid: true, address_type: each.address_type }
            : { address: addresses[at], valid: false, reason: expect.stringMatching(/^wrong_network: /) },
        ),
      )
    }
    expect(new Set(addresses).size).toBe(10)
  })

  it('every line gets one: CRLF, empty lines, bytes that are no text, megabytes, no end of the last', async () => {
    const tron = 'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH'
    const input = Buffer.concat([
      Buffer.from(`\ufeff${tron}\r\n\n ${tron}\n`),
      Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
      Buffer.alloc(3_000_000, 'T'),
      Buffer.from(`\n${'T'.repeat(100_000)}\n${tron}`),
    ])
    const { status, stdout, stderr } = await runCommand('validate', ['--network', 'TRON'], input)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const answers = parseLines<ValidateAnswer>(stdout)
    expect(answers.map(({ valid, reason }) => (valid ? 'valid' : reason?.split(':')[0]))).toEqual([
      'valid',
      'empty',
      'whitespace',
      'invalid_character',
      'wrong_length',
      'wrong_length',
      'valid',
    ])
    expect(stdout.split('\n')[0]).toBe(`{"address":"${tron}","valid":true,"address_type":"base58check"}`)
    expect(answers[4]?.address).toBe('T'.repeat(256))
    expect(answers[5]?.address).toBe('T'.repeat(100_000))
  })
})

describe('derive with flags', () => {
  const account = ['--network', 'bitcoin', '--address-type', 'p2tr', '--account', '3']

  it('reads the mnemonic and the passphrase from two lines, whatever ends them', async () => {
    const [expected] = await derive([
      { mnemonic, passphrase: ' é', network: 'bitcoin', address_type: 'p2tr', account: 3 },
    ])
    for (const input of [`${mnemonic}\n é\n`, `\ufeff${mnemonic}\r\n é\r\n\r\n`, `${mnemonic}\n é`]) {
      const { status, stdout, stderr } = await runCommand('derive', account, input)
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${JSON.stringify(expected)}\n`, stderr: '' })
    }
    expect(Object.keys(expected ?? {})).toEqual(['path', 'address', 'public_key', 'xpub', 'master_fingerprint'])
  })

  it('steps the account: of the standard path, and of a path its third step', async () => {
    const standard = await runCommand('derive', ['--network', 'tron', '--account', '5', '--count', '3'], mnemonic)
    expect(parseLines<DeriveAnswer>(standard.stdout)).toEqual(
      await derive([5, 6, 7].map((each) => ({ mnemonic, network: 'tron', account: each }))),
    )
    const path = ['--path', 'm/1/2h/3/4', '--count', '2', '--from', 'seed', '--bitcoin-network', 'testnet']
    const { stdout } = await runCommand('derive', ['--network', 'bitcoin', ...path], 'AB'.repeat(16))
    expect(parseLines<DeriveAnswer>(stdout)).toEqual(
      await derive(
        ["m/1/2'/3/4", "m/1/2'/4/4"].map((each) => ({
          seed: 'ab'.repeat(16),
          path: each,
          ...bitcoin,
          bitcoin_network: 'testnet',
        })),
      ),
    )
  })

  const network = ['--network', 'bitcoin']
  it.each<[code: string, flags: string[], input: string | Uint8Array]>([
    ['unknown_network', [], mnemonic],
    ['unknown_network', ['--network', 'dogecoin'], mnemonic],
    ['unknown_address_type', ['--network', 'tron', '--address-type', 'p2tr'], mnemonic],
    ['unknown_bitcoin_network', [...network, '--bitcoin-network', 'regtest'], mnemonic],
    ['unknown_source', [...network, '--from', 'entropy'], mnemonic],
    ['invalid_account', [...network, '--account', '2147483648'], mnemonic],
    ['invalid_account', [...network, '--account', '-1'], mnemonic],
    ['invalid_account', [...network, '--account=1.5'], mnemonic],
    ['invalid_account', [...network, '--account', '1e3'], mnemonic],
    ['invalid_account', [...network, '--account', ''], mnemonic],
    ['invalid_account', [...network, '--account', '2147483647', '--count', '2'], mnemonic],
    ['invalid_account', [...network, '--path', "m/0/0/2147483647'", '--count', '2'], mnemonic],
    ['invalid_count', [...network, '--count', '0'], mnemonic],
    ['invalid_path', [...network, '--path', "m/44'/x"], mnemonic],
    ['invalid_path', [...network, '--path', 'm/0/0', '--count', '2'], mnemonic],
    ['invalid_arguments', [...network, '--path', 'm', '--account', '0'], mnemonic],
    ['invalid_arguments', [...network, '--ndjson'], mnemonic],
    ['invalid_arguments', [...network, '--account'], mnemonic],
    ['invalid_arguments', [...network, '--network', 'tron'], mnemonic],
    ['invalid_arguments', [...network, `--mnemonic=${mnemonic}`], ''],
    ['invalid_arguments', [...network, mnemonic], ''],
    ['empty_input', network, ''],
    ['empty_input', network, '\n\n'],
    ['unexpected_line', network, `${mnemonic}\n\n${mnemonic}\n`],
    ['line_too_long', network, 'abandon '.repeat(400_000)],
    ['invalid_utf8', network, Buffer.from(`${mnemonic}\n\xe9`, 'latin1')],
    ['invalid_mnemonic', network, `${mnemonic} about`],
    ['invalid_seed', [...network, '--from', 'seed'], mnemonic],
    ['unexpected_passphrase', [...network, '--from', 'seed'], `${'00'.repeat(32)}\nabandon`],
    ['path_required', [...network, '--from', 'xpub'], bip84.account.public_key],
  ])('%s (%#): status 2, nothing on standard output, no secret on standard error', async (code, flags, input) => {
    const { status, stdout, stderr } = await runCommand('derive', flags, input)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(parseLines(stderr)).toEqual([{ error: { code, message: expect.any(String) } }])
    expect(stderr).not.toMatch(/abandon|about|zpub/)
  })

  it('--help', async () => {
    const { status, stdout, stderr } = await runCommand('derive', ['--help'], '')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('--address-type')
  })

  it('ends quietly when its reader goes away', async () => {
    const flags = [commandPath('derive'), '--network', 'tron', '--count', '2147483647']
    const child = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'pipe'] })
    const stderr: Buffer[] = []
    child.stderr.on('data', (part) => stderr.push(part))
    child.stdin.end(mnemonic)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const [status] = await once(child, 'close')
    expect({ status, stderr: Buffer.concat(stderr).toString() }).toEqual({ status: 0, stderr: '' })
  })
})

describe('derive --ndjson', () => {
  const valid = { mnemonic, ...bitcoin }
  const [zero, one] = [bip32.valid[0]?.chains[0], bip32.valid[0]?.chains[1]]
  const japanese =
    'あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あおぞら'
  const bad: readonly (readonly [code: string, request: unknown])[] = [
    ['invalid_mnemonic', { ...valid, mnemonic: mnemonic.replace('about', 'abandon') }],
    ['invalid_mnemonic', { ...valid, mnemonic: mnemonic.replace('about', 'abouts') }],
    ['invalid_mnemonic', { ...valid, mnemonic: mnemonic.toUpperCase() }],
    ['invalid_mnemonic', { ...valid, mnemonic: `${mnemonic} about` }],
    ['invalid_mnemonic', { ...valid, mnemonic: '' }],
    ['invalid_mnemonic', { ...valid, mnemonic: '   ' }],
    ['invalid_mnemonic', { ...valid, mnemonic: 'abandon '.repeat(100_000) }],
    ['invalid_mnemonic', { ...valid, mnemonic: japanese }],
    ['invalid_field', { ...valid, mnemonic: '\ud800' }],
    ['invalid_field', { ...valid, passphrase: '\udfff' }],
    ['invalid_field', { ...valid, mnemonic: 7 }],
    ['invalid_field', { ...valid, mnemonic: null }],
    ['invalid_field', { ...valid, passphrase: null }],
    ['invalid_field', { ...valid, path: 0 }],
    ['invalid_field', { ...bitcoin }],
    ['invalid_field', { ...valid, seed: '00'.repeat(16) }],
    ['invalid_field', { ...valid, account: 0, path: 'm' }],
    ['unknown_field', { ...valid, acount: 0 }],
    ['unknown_field', JSON.parse(`{"__proto__":{},"mnemonic":"${mnemonic}","network":"bitcoin"}`)],
    ['unknown_network', { mnemonic }],
    ['unknown_network', { ...valid, network: 'dogecoin' }],
    ['unknown_network', { ...valid, network: ['bitcoin'] }],
    ['unknown_address_type', { ...valid, address_type: 'eip55' }],
    ['unknown_address_type', { ...valid, network: 'ethereum', address_type: 'p2tr' }],
    ['unknown_address_type', { ...valid, address_type: null }],
    ['unknown_bitcoin_network', { ...valid, bitcoin_network: 'regtest' }],
    ['invalid_account', { ...valid, account: 2 ** 31 }],
    ['invalid_account', { ...valid, account: -1 }],
    ['invalid_account', { ...valid, account: 1.5 }],
    ['invalid_account', { ...valid, account: '1' }],
    ['invalid_account', { ...valid, account: null }],
    ...[
      '',
      'n',
      'm/',
      '/',
      'm//1',
      "44'/0'",
      'M/0',
      'm/-1',
      'm/1.5',
      'm/01',
      'm/0x1',
      'm/2147483648',
      "m/0''",
      'm/0’',
      'm/ 0',
    ].map((path) => ['invalid_path', { ...valid, path }] as const),
    ['invalid_path', { ...valid, path: `m${'/0'.repeat(256)}` }],
    ['invalid_path', { ...valid, path: `m${'/0'.repeat(500_000)}` }],
    ['invalid_path', { xpub: one?.xpub, ...bitcoin, path: `m${'/0'.repeat(255)}` }],
    ['invalid_seed', { seed: '', ...bitcoin }],
    ['invalid_seed', { seed: '00'.repeat(15), ...bitcoin }],
    ['invalid_seed', { seed: '00'.repeat(65), ...bitcoin }],
    ['invalid_seed', { seed: `${'00'.repeat(16)}0`, ...bitcoin }],
    ['invalid_seed', { seed: 'zz'.repeat(16), ...bitcoin }],
    ['invalid_extended_key', { xprv: zero?.xpub, ...bitcoin }],
    ['invalid_extended_key', { xpub: zero?.xprv, ...bitcoin }],
    ['invalid_extended_key', { xpub: '', ...bitcoin }],
    ['invalid_extended_key', { xpub: 'x'.repeat(1_000_000), ...bitcoin }],
    ['path_required', { xprv: one?.xprv, ...bitcoin }],
    ['hardened_from_xpub', { xpub: zero?.xpub, ...bitcoin }],
    ['hardened_from_xpub', { xpub: zero?.xpub, ...bitcoin, path: "m/0/1'" }],
    ['unexpected_passphrase', { xpub: zero?.xpub, passphrase: 'x', ...bitcoin, path: 'm' }],
    ['invalid_json', []],
    ['invalid_json', 'text'],
    ['invalid_json', null],
  ]

  it('bad requests get an error with a code and no secret, and the good ones between them their answer', async () => {
    const requests = bad.flatMap(([, request]) => [request, valid])
    const answers = await derive(requests)
    const expected = bad.flatMap(([code]) => [{ error: { code, message: expect.any(String) } }, answers[1]])
    expect(answers).toEqual(expected)
    expect(answers[1]?.address).toBe('1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA')
    const messages = answers.map(({ error }) => error?.message ?? '')
    for (const message of messages) expect(message).not.toMatch(/abandon|about|xprv9|xpub6|0{8}|あ/i)
  })

  it('the deepest path, and the last account, are none of them', async () => {
    const [deep, last] = await derive([
      { ...valid, path: `m${'/0'.repeat(255)}` },
      { ...valid, account: 2 ** 31 - 1 },
    ])
    expect(HDKey.fromExtendedKey(deep?.xpub ?? '').depth).toBe(255)
    expect(last?.path).toBe("m/44'/0'/2147483647'/0/0")
  })

  it('megabytes on a line, no UTF-8, blank lines and a missing end: one line each, in order', async () => {
    const good = JSON.stringify(valid)
    const input = Buffer.concat([
      Buffer.from(`\ufeff${good}\r\n\n`),
      Buffer.alloc(3_000_000, 'a'),
      Buffer.from(`\n${good}\n{"mnemonic":"\xff"}\n${'['.repeat(500_000)}\n{}\n`, 'latin1'),
      Buffer.from(good),
    ])
    const { status, stdout, stderr } = await runCommand('derive', ['--ndjson'], input)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const answers = parseLines<DeriveAnswer>(stdout)
    expect(answers.map(({ error, path }) => error?.code ?? path)).toEqual([
      "m/44'/0'/0'/0/0",
      'invalid_json',
      'line_too_long',
      "m/44'/0'/0'/0/0",
      'invalid_utf8',
      'invalid_json',
      'invalid_field',
      "m/44'/0'/0'/0/0",
    ])
  })

  it('answers a line as soon as it is there', async () => {
    const child = spawn(process.execPath, [commandPath('derive'), '--ndjson'], { stdio: ['pipe', 'pipe', 'inherit'] })
    for (const account of [0, 1]) {
      child.stdin.write(`${JSON.stringify({ ...valid, account })}\n`)
      const [data] = await once(child.stdout, 'data')
      expect(JSON.parse(String(data)).path).toBe(`m/44'/0'/${account}'/0/0`)
    }
    child.stdin.end()
    const [status] = await once(child, 'close')
    expect(status).toBe(0)
  })

  const values = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(...networks, 'p2tr', 'testnet', 'm', "m/44'/0'/0'/0/0", mnemonic, 0, 2 ** 31, '00'.repeat(16)),
  )
  const names = ['mnemonic', 'seed', 'xprv', 'xpub', 'passphrase', 'network', 'address_type', 'account', 'path']
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    fc
      .dictionary(fc.constantFrom(...names, 'bitcoin_network', 'other'), values)
      .map((change) => Buffer.from(JSON.stringify({ ...valid, ...change }))),
    fc.nat(JSON.stringify(valid).length).map((length) => Buffer.from(JSON.stringify(valid).slice(0, length))),
  )
  const lines = fc.array(
    garbage.map((bytes) => bytes.filter((byte) => byte !== 0x0a)),
    { minLength: 1, maxLength: 120 },
  )
  const joinLines = (given: readonly Uint8Array[]) =>
    Buffer.concat(given.flatMap((bytes) => [bytes, Buffer.from('\n')]))

  it('any line gets exactly one: an error with a code, or an answer; status 0', async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (given) => {
        const { status, stdout, stderr } = await runCommand('derive', ['--ndjson'], joinLines(given))
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
        const answers = parseLines<DeriveAnswer>(stdout)
        expect(answers).toHaveLength(given.length)
        for (const { error, ...answer } of answers) {
          if (!error) {
            expect(Object.keys(answer)).toEqual(['path', 'address', 'public_key', 'xpub', 'master_fingerprint'])
          } else {
            expect(error).toEqual({ code: expect.stringMatching(/^[a-z0-9_]+$/), message: expect.any(String) })
            expect(error.code).not.toBe('internal')
          }
        }
      }),
      { numRuns: 8 },
    )
  })

  it('any line gets exactly one of validate, too', async () => {
    await fc.assert(
      fc.asyncProperty(lines, fc.constantFrom(...networks), async (given, network) => {
        const { status, stdout, stderr } = await runCommand('validate', ['--network', network], joinLines(given))
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
        const answers = parseLines<ValidateAnswer>(stdout)
        expect(answers.map(({ valid }) => valid)).toEqual(given.map(() => false))
      }),
      { numRuns: 4 },
    )
  })
})

describe('through npm', () => {
  const flags = ['--', '--network', 'bitcoin', '--address-type', 'p2wpkh']

  it('npm run --silent derive: nothing but the answer on standard output, the exit status passed on', async () => {
    const good = await runProgram('npm', ['run', '--silent', 'derive', ...flags], `${mnemonic}\n`)
    expect(good.status).toBe(0)
    expect(parseLines(good.stdout)).toMatchObject([{ address: bip84.addresses[0]?.address }])
    const wrong = await runProgram('npm', ['run', '--silent', 'derive', ...flags], 'abandon\n')
    expect({ status: wrong.status, stdout: wrong.stdout }).toEqual({ status: 2, stdout: '' })
    expect(wrong.stderr).toContain('"code":"invalid_mnemonic"')
  })

  it('npm run --silent validate', async () => {
    const { status, stdout } = await runProgram(
      'npm',
      ['run', '--silent', 'validate', '--', '--network', 'tron'],
      'x\n',
    )
    expect({ status, answers: parseLines(stdout) }).toMatchObject({
      status: 0,
      answers: [{ address: 'x', valid: false }],
    })
  })

  it('the tests and the start need more, and say what is missing', async () => {
    const programArguments = ['local/bootstrap.mjs', 'test', '--version']
    const { status, stdout, stderr } = await runProgram(process.execPath, programArguments, '', { PATH: '/none' })
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    for (const tool of ['Python', 'Java', 'Maven']) expect(stderr).toContain(tool)
  })

  it('needs Node alone: no Python, no Java, no Maven, nothing of the PATH', async () => {
    const programArguments = ['local/bootstrap.mjs', 'derive', ...flags.slice(1)]
    const { status, stdout, stderr } = await runProgram(process.execPath, programArguments, mnemonic, { PATH: '/none' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(parseLines(stdout)).toMatchObject([{ address: bip84.addresses[0]?.address }])
  })
})

// Importing a root: what is refused before anything is wrapped, what is put, and that the phrase is wiped or its caller's.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkRoot, importRoot, readRootCommitment, refuseOtherRoot } from '../../bin/vault-import.ts'
import type { ProvisionPorts } from '../../functions/provision/provision.ts'
import { commitMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import { openPhrase, parseVaultRecord } from '../../shared/vault.ts'
import { catchError } from '../support/fakes.ts'

const toEntropy = (seed: string) => createHash('sha256').update(seed).digest()
const makePhrase = (seed: string, length = 32) => encodeMnemonic(toEntropy(seed).subarray(0, length))
const toText = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const check = (text: string, acceptsPublic = false) => checkRoot(Buffer.from(text, 'latin1'), acceptsPublic)

describe('a phrase', () => {
  const phrase = toText(makePhrase('one'))

  it('is taken in any case and with any white space, and named by commitment and fingerprint', () => {
    const root = check(`\t ${phrase.toUpperCase().replaceAll(' ', ' \r\n ')} \n`)
    expect(toText(root.phrase)).toBe(phrase)
    expect(root.rootCommitment).toBe(commitMnemonic(root.phrase))
    expect(root.masterFingerprint).toMatch(/^[0-9a-f]{8}$/)
  })

  it('has the fingerprint that others show: of the first vector of BIP-39, without a passphrase', () => {
    expect(check(`${'abandon '.repeat(23)}art`, true).masterFingerprint).toBe('5436d724')
  })

  it.each([
    ['nothing', '', 'empty_input'],
    ['spaces', ' \n ', 'empty_input'],
    ['a word too few', phrase.split(' ').slice(1).join(' '), 'invalid_mnemonic'],
    ['a word that is none', phrase.replace(/^\w+/, 'bitcoin'), 'invalid_mnemonic'],
    ['words out of place', phrase.split(' ').toReversed().join(' '), 'invalid_mnemonic'],
    ['12 words', toText(makePhrase('one', 16)), 'invalid_mnemonic'],
    ['24 words that everybody knows', `${'abandon '.repeat(23)}art`, 'public_mnemonic'],
  ])('%s: refused, without a word of it', async (_, text, code) => {
    const error = await catchError(() => check(text))
    expect(error).toMatchObject({ code })
    for (const word of new Set(text.trim().split(/\s+/).filter(Boolean))) {
      if (!['one', 'of', 'word'].includes(word)) expect(error.message.split(/\W+/)).not.toContain(word)
    }
  })
})

describe('another root', () => {
  const root = check(toText(makePhrase('one')))
  const other = 'cd'.repeat(32)

  it.each([
    ['an empty vault and a table that names none', undefined, undefined],
    ['the table names it', root.rootCommitment, undefined],
    ['the vault holds it', undefined, root.rootCommitment],
    ['both do', root.rootCommitment, root.rootCommitment],
  ])('%s: taken', (_, expected, held) => {
    expect(() => refuseOtherRoot(root, expected, held)).not.toThrow()
  })

  it.each([
    ['the vault holds another', undefined, other, 'other_root_held'],
    ['the table names another', other, undefined, 'other_root_expected'],
    ['the table names it, and the vault holds another', root.rootCommitment, other, 'other_root_held'],
  ])('%s: refused', async (_, expected, held, code) => {
    expect(await catchError(() => refuseOtherRoot(root, expected, held))).toMatchObject({ code })
  })
})

describe('importing', () => {
  const dataKey = () => new Uint8Array(32).fill(9)
  function setUp(raced?: string) {
    let stored: string | undefined
    const keys: Uint8Array[] = []
    const ports: ProvisionPorts = {
      stage: 'dev',
      readRecord: async () => stored,
      putRecord: async (text) => {
        stored ??= raced ?? text
      },
      generateRandom: () => Promise.reject(new Error('expected no entropy to be drawn')),
      generateDataKey: async () => {
        const plaintext = dataKey()
        keys.push(plaintext)
        return { plaintext, wrapped: Buffer.from('wrapped') }
      },
    }
    return { ports, keys, stored: () => stored }
  }

  it('puts what opens to the phrase, once; again it is there; and no key stays', async () => {
    const { ports, keys, stored } = setUp()
    const root = check(toText(makePhrase('one')))
    expect(await readRootCommitment(ports)).toBeUndefined()
    expect(await importRoot(ports, root)).toEqual({
      ...{ outcome: 'created', keyring_id: 1, root_commitment: root.rootCommitment },
    })
    expect(toText(openPhrase(parseVaultRecord(stored() ?? ''), 'dev', dataKey()))).toBe(toText(root.phrase))
    expect(await importRoot(ports, root)).toMatchObject({ outcome: 'present' })
    expect(await readRootCommitment(ports)).toBe(root.rootCommitment)
    expect(keys.map((bytes) => bytes.every((byte) => byte === 0))).toEqual([true])
  })

  it('that another was before is refused', async () => {
    const first = setUp()
    await importRoot(first.ports, check(toText(makePhrase('one'))))
    const { ports } = setUp(first.stored())
    const error = await catchError(() => importRoot(ports, check(toText(makePhrase('two')))))
    expect(error).toMatchObject({ code: 'other_root_held' })
  })
})

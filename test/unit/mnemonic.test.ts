// BIP-39 on bytes, held against the official vectors and the `bip39` package; every invalid form; phrases that are public.
import { createHash, pbkdf2Sync } from 'node:crypto'
import { HDKey } from '@scure/bip32'
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync, validateMnemonic } from 'bip39'
import english from 'bip39/src/wordlists/english.json' with { type: 'json' }
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commitMnemonic,
  commitRoot,
  decodeMnemonic,
  deriveSeed,
  encodeMnemonic,
  isPubliclyKnown,
  MnemonicError,
} from '../../shared/mnemonic.ts'
import { catchError } from '../support/fakes.ts'
import vectors from '../vectors/bip39-english.json' with { type: 'json' }
import published from '../vectors/published-mnemonics.json' with { type: 'json' }

const toBytes = (text: string) => new Uint8Array(Buffer.from(text, 'utf8'))
const toText = (bytes: Uint8Array) => Buffer.from(bytes).toString('ascii')
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

const entropies = fc
  .constantFrom(16, 20, 24, 28, 32)
  .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))

// Equality is asserted of a boolean where a failure would print a fresh phrase or what is made from it.
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

describe('the official vectors of BIP-39', () => {
  it('are 24', () => {
    expect(vectors).toHaveLength(24)
  })

  it.each(vectors)('$entropy', ({ entropy, mnemonic, seed, xprv }) => {
    expect(toText(encodeMnemonic(fromHex(entropy)))).toBe(mnemonic)
    expect(toHex(decodeMnemonic(toBytes(mnemonic)))).toBe(entropy)
    // Their seeds have the passphrase TREZOR; what this system issues has none.
    expect(toHex(deriveSeed(toBytes(mnemonic), toBytes('TREZOR')))).toBe(seed)
    const withoutPassphrase = pbkdf2Sync(mnemonic, 'mnemonic', 2048, 64, 'sha512')
    expect(isSame(deriveSeed(toBytes(mnemonic)), withoutPassphrase)).toBe(true)
    expect(HDKey.fromMasterSeed(fromHex(seed)).privateExtendedKey).toBe(xprv)
  })
})

describe('against the bip39 package', () => {
  it('entropy and phrase are the same, both ways', () => {
    fc.assert(
      fc.property(entropies, (entropy) => {
        const phrase = encodeMnemonic(entropy)
        const oracle = entropyToMnemonic(toHex(entropy))
        expect(toText(phrase) === oracle).toBe(true)
        expect(isSame(decodeMnemonic(phrase), entropy)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('the seed is the same', () => {
    // Few: the package stretches in JavaScript.
    fc.assert(
      fc.property(entropies, (entropy) => {
        const phrase = encodeMnemonic(entropy)
        expect(isSame(deriveSeed(phrase), mnemonicToSeedSync(toText(phrase)))).toBe(true)
      }),
      { numRuns: 8 },
    )
  })

  it('any words are a phrase to both or to none', () => {
    const word = fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...english) }, { weight: 1, arbitrary: fc.string() })
    // A right checksum is rare among random words: half of the phrases are right ones with one word replaced by any.
    const nearMiss = fc.tuple(entropies, fc.nat(), fc.constantFrom(...english)).map(([entropy, at, replacement]) => {
      const words = entropyToMnemonic(toHex(entropy)).split(' ')
      words[at % words.length] = replacement
      return words
    })
    const phrases = fc.oneof(fc.array(word, { minLength: 11, maxLength: 25 }), nearMiss).map((words) => words.join(' '))
    let valid = 0
    fc.assert(
      fc.property(phrases, (phrase) => {
        let isOurs = true
        try {
          decodeMnemonic(toBytes(phrase))
        } catch (error) {
          expect(error).toBeInstanceOf(MnemonicError)
          isOurs = false
        }
        // The package normalises first; a phrase of ours is ASCII already.
        const isTheirs = /^[\x20-\x7e]*$/.test(phrase) && validateMnemonic(phrase, english)
        if (isTheirs) valid += 1
        expect(isOurs).toBe(isTheirs)
      }),
      { numRuns: 1000 },
    )
    expect(valid).toBeGreaterThan(0)
  })
})

describe('entropy', () => {
  it.each([0, 1, 12, 15, 17, 18, 31, 33, 36, 64])('of %i bytes is refused', (length) => {
    const expected = new RangeError(`expected 16, 20, 24, 28 or 32 bytes of entropy; got ${length}`)
    expect(() => encodeMnemonic(new Uint8Array(length))).toThrow(expected)
  })

  it('is not changed by encoding it', () => {
    const entropy = new Uint8Array(32).fill(5)
    encodeMnemonic(entropy)
    expect(entropy.every((byte) => byte === 5)).toBe(true)
  })
})

describe('a phrase that is not one', () => {
  const phrase = 'legal winner thank year wave sausage worth useful legal winner thank yellow'
  const words = phrase.split(' ')
  const change = (at: number, word: string) => words.with(at, word).join(' ')

  it.each([
    ['nothing', '', 'word 1 is not in the English list of BIP-39'],
    ['one space', ' ', 'word 1 is not in the English list of BIP-39'],
    ['a space before', ` ${phrase}`, 'word 1 is not in the English list of BIP-39'],
    ['a space behind', `${phrase} `, 'word 13 is not in the English list of BIP-39'],
    ['a line break behind', `${phrase}\n`, 'word 12 is not in the English list of BIP-39'],
    ['two spaces', phrase.replace(' ', '  '), 'word 2 is not in the English list of BIP-39'],
    ['tabs', phrase.replaceAll(' ', '\t'), 'word 1 is not in the English list of BIP-39'],
    ['ideographic spaces', phrase.replaceAll(' ', '\u3000'), 'word 1 is not in the English list of BIP-39'],
    ['capitals', change(3, 'Year'), 'word 4 is not in the English list of BIP-39'],
    ['the first four letters of a word', change(5, 'saus'), 'word 6 is not in the English list of BIP-39'],
    ['a word and one letter more', change(3, 'years'), 'word 4 is not in the English list of BIP-39'],
    ['a NUL behind a word', change(3, 'year\u0000'), 'word 4 is not in the English list of BIP-39'],
    ['a word before the first', change(0, 'aaa'), 'word 1 is not in the English list of BIP-39'],
    ['a word behind the last', change(11, 'zzz'), 'word 12 is not in the English list of BIP-39'],
    ['a mark of byte order', `\ufeff${phrase}`, 'word 1 is not in the English list of BIP-39'],
    ['11 words', words.slice(1).join(' '), 'expected 12, 15, 18, 21 or 24 words; got 11'],
    ['13 words', `${phrase} legal`, 'expected 12, 15, 18, 21 or 24 words; got 13'],
    ['9 words', words.slice(3).join(' '), 'expected 12, 15, 18, 21 or 24 words; got 9'],
    ['27 words', Array(27).fill('abandon').join(' '), 'expected 12, 15, 18, 21 or 24 words; got 27'],
    ['two words swapped', [words[1], words[0], ...words.slice(2)].join(' '), /^the checksum of the words/],
    ['another last word', change(11, 'year'), /^the checksum of the words/],
  ])('%s', async (_name, text, message) => {
    const error = await catchError(() => decodeMnemonic(toBytes(text)))
    expect(error).toBeInstanceOf(MnemonicError)
    expect(error.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
  })

  it('is never shown, nor a word of it', async () => {
    const wrong = [change(4, 'correct-horse'), `${phrase} staple`, change(11, 'year'), words.slice(1).join(' ')]
    for (const text of wrong) {
      const error = await catchError(() => decodeMnemonic(toBytes(text)))
      const shown = [...text.split(' ').filter((word) => !['of', 'one'].includes(word))].filter((word) =>
        new RegExp(`\\b${word}\\b`).test(`${error.message} ${error.cause ?? ''}`),
      )
      expect(shown).toEqual([])
    }
  })
})

describe('the root commitment', () => {
  it('is SHA-256 of root/v1, master public key and chain code', () => {
    const mnemonic = vectors[0]?.mnemonic ?? ''
    const master = HDKey.fromMasterSeed(mnemonicToSeedSync(mnemonic))
    const expected = createHash('sha256')
      .update('root/v1')
      .update(master.publicKey ?? new Uint8Array())
      .update(master.chainCode ?? new Uint8Array())
      .digest('hex')
    expect(commitMnemonic(toBytes(mnemonic))).toBe(expected)
    expect(commitRoot(master)).toBe(expected)
    // Pinned: a record in a vault keeps its commitment for ever.
    expect(expected).toBe('47a393a13d04469b7956073c8b5e4307914538474fd8faf7088eb2140c3a548b')
  })

  it('needs no private key, and is another for every phrase', () => {
    const commitments = vectors.map(({ mnemonic }) => commitMnemonic(toBytes(mnemonic)))
    expect(new Set(commitments).size).toBe(vectors.length)
    expect(() => commitRoot({} as HDKey)).toThrow(TypeError)
  })

  it('leaves the phrase to its owner', async () => {
    const phrase = toBytes(vectors[0]?.mnemonic ?? '')
    commitMnemonic(phrase)
    expect(toText(phrase)).toBe(vectors[0]?.mnemonic)
  })
})

describe('a phrase that is publicly known', () => {
  it.each(vectors)('vector of BIP-39: $entropy', ({ mnemonic }) => {
    expect(isPubliclyKnown(toBytes(mnemonic))).toBe(true)
  })

  it.each(published)('$name', async ({ mnemonic }) => {
    expect(await mnemonicToEntropy(mnemonic)).toMatch(/^[0-9a-f]+$/)
    expect(isPubliclyKnown(toBytes(mnemonic))).toBe(true)
  })

  it('is every one whose entropy repeats one byte', () => {
    const patterned = fc
      .tuple(fc.constantFrom(16, 20, 24, 28, 32), fc.nat({ max: 255 }))
      .map(([length, fill]) => encodeMnemonic(new Uint8Array(length).fill(fill)))
    fc.assert(
      fc.property(patterned, (phrase) => isPubliclyKnown(phrase)),
      { numRuns: 100 },
    )
  })

  it('is not a random one', () => {
    const random = entropies.filter((entropy) => new Set(entropy).size > 1)
    fc.assert(
      fc.property(random, (entropy) => !isPubliclyKnown(encodeMnemonic(entropy))),
      { numRuns: 100 },
    )
  })

  it('must be a phrase', () => {
    expect(() => isPubliclyKnown(toBytes('legal winner'))).toThrow(MnemonicError)
  })
})

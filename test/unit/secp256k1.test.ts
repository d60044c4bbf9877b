// The WebAssembly module: which one it is, that it can reach nothing, and the edges of the standards.
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { base58 } from '@scure/base'
import fc from 'fast-check'
import * as ecc from 'tiny-secp256k1'
import { describe, expect, it } from 'vitest'
import { encodeBase58, encodeBase58Check } from '../../functions/wallet/base58.ts'
import { type ExtendedKey, KeyError, toChild, toMasterKey } from '../../functions/wallet/bip32.ts'
import {
  addToPrivateKey,
  addToPublicKey,
  isPrivateKey,
  isPublicKey,
  keccak256,
  toCompressed,
  toPublicKey,
  toUncompressed,
} from '../../functions/wallet/secp256k1.ts'

const binary = readFileSync(new URL('../../functions/wallet/secp256k1/secp256k1.wasm', import.meta.url))
const toHex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')
const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
/** SEC 2, section 2.4.1. */
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const toScalar = (value: bigint) => fromHex(value.toString(16).padStart(64, '0'))
const scalars = fc.bigInt({ min: 1n, max: order - 1n }).map(toScalar)

// TypeScript knows it as part of a browser only.
declare const WebAssembly: {
  readonly Module: (new (code: Uint8Array) => object) & { readonly imports: (module: object) => unknown[] }
}

describe('the module', () => {
  it('is the one that build.sh makes', () => {
    expect(createHash('sha256').update(binary).digest('hex')).toBe(
      'eb36202f3e4870412019de7a927ce167b50a2feac31648b968811e0c31f11286',
    )
  })

  it('imports nothing: it can reach no file, clock, network or memory but its own', () => {
    expect(WebAssembly.Module.imports(new WebAssembly.Module(binary))).toEqual([])
  })
})

describe('private keys', () => {
  it.each([
    ['0', 0n, false],
    ['1', 1n, true],
    ['n-1', order - 1n, true],
    ['n', order, false],
    ['n+1', order + 1n, false],
    ['2^256-1', 2n ** 256n - 1n, false],
  ])('%s', (_, value, isKey) => {
    expect(isPrivateKey(toScalar(value))).toBe(isKey)
    expect(toPublicKey(toScalar(value)) !== undefined).toBe(isKey)
  })

  it('of another length are none', () => {
    for (const length of [0, 31, 33]) {
      expect(isPrivateKey(new Uint8Array(length).fill(1))).toBe(false)
      expect(() => toPublicKey(new Uint8Array(length).fill(1))).toThrow(RangeError)
    }
  })

  it('give the points that another library gives', () => {
    fc.assert(
      fc.property(scalars, scalars, (key, tweak) => {
        const publicKey = toPublicKey(key) as Uint8Array
        expect(toHex(publicKey)).toBe(toHex(ecc.pointFromScalar(key, true) ?? undefined))
        expect(toHex(toUncompressed(publicKey))).toBe(toHex(ecc.pointCompress(publicKey, false)))
        expect(toHex(toCompressed(toUncompressed(publicKey) as Uint8Array))).toBe(toHex(publicKey))
        expect(toHex(addToPrivateKey(key, tweak))).toBe(toHex(ecc.privateAdd(key, tweak) ?? undefined))
        expect(toHex(addToPublicKey(publicKey, tweak))).toBe(
          toHex(ecc.pointAddScalar(publicKey, tweak, true) ?? undefined),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('with leading zeros keep them', () => {
    for (const bytes of [1, 2, 3, 16, 31]) {
      const key = new Uint8Array(32)
      key.fill(7, bytes)
      expect(toHex(toPublicKey(key))).toBe(toHex(ecc.pointFromScalar(key, true) ?? undefined))
      expect(toHex(addToPrivateKey(toScalar(1n), toScalar(order - 1n - BigInt(bytes))))).toBe(
        toHex(toScalar(order - BigInt(bytes))),
      )
      expect(toHex(addToPrivateKey(toScalar(order - 1n), toScalar(1n + BigInt(bytes))))).toBe(
        toHex(toScalar(BigInt(bytes))),
      )
    }
  })
})

describe('public keys', () => {
  it.each([
    ['infinity', '00'],
    ['x that is on no point', `02${'00'.repeat(31)}05`],
    ['x of p or more', `02${'ff'.repeat(32)}`],
    ['an unknown first byte', `05${'11'.repeat(32)}`],
    ['hybrid, with the wrong parity', `06${'11'.repeat(64)}`],
    ['none', ''],
  ])('%s is none', (_, hex) => {
    expect(isPublicKey(fromHex(hex))).toBe(false)
    expect(addToPublicKey(fromHex(hex), toScalar(1n))).toBeUndefined()
    expect(toUncompressed(fromHex(hex))).toBeUndefined()
  })
})

describe('children, where the standard knows none (BIP-32: IL of n or more, key zero, point infinity)', () => {
  const parent = toMasterKey(new Uint8Array(16).fill(9))
  const neutered: ExtendedKey = { ...parent, privateKey: undefined }
  const key = BigInt(`0x${toHex(parent.privateKey)}`)
  const digest = (left: bigint) => Uint8Array.from([...toScalar(left), ...new Uint8Array(32).fill(3)])

  it.each([
    ['IL = n', order],
    ['IL = n+1', order + 1n],
    ['IL = 2^256-1', 2n ** 256n - 1n],
    ['IL = n - key', order - key],
  ])('%s', (_, left) => {
    for (const node of [parent, neutered]) {
      const child = () => toChild(node, 0, digest(left))
      expect(child).toThrow(KeyError)
      expect(child).toThrow(/there is no child at this index/)
    }
  })

  it('IL = 0 is the parent again', () => {
    expect(toHex(toChild(parent, 0, digest(0n)).privateKey)).toBe(toHex(parent.privateKey))
    for (const node of [parent, neutered])
      expect(toHex(toChild(node, 0, digest(0n)).publicKey)).toBe(toHex(parent.publicKey))
  })
})

describe('hashes and encodings', () => {
  it('Keccak-256 is that of noble, for every length it takes', () => {
    for (let length = 0; length <= 64; length++) {
      const message = randomBytes(length)
      expect(toHex(keccak256(message))).toBe(toHex(keccak_256(message)))
    }
    expect(() => keccak256(new Uint8Array(65))).toThrow(RangeError)
  })

  it('base58 is that of @scure/base, leading zeros too', () => {
    fc.assert(
      fc.property(fc.nat(8), fc.uint8Array({ maxLength: 120 }), (zeros, rest) => {
        const bytes = Uint8Array.from([...new Uint8Array(zeros), ...rest])
        expect(encodeBase58(bytes)).toBe(base58.encode(bytes))
      }),
      { numRuns: 500 },
    )
    for (const fill of [0, 255]) {
      for (let length = 0; length <= 128; length++) {
        const bytes = new Uint8Array(length).fill(fill)
        expect(encodeBase58(bytes)).toBe(base58.encode(bytes))
      }
    }
    expect(() => encodeBase58(new Uint8Array(129))).toThrow(RangeError)
    // The genesis block's address.
    expect(encodeBase58Check(fromHex('0062e907b15cbf27d5425399ebf6f0fb50ebb88f18'))).toBe(
      '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa',
    )
  })
})

// The curve: libsecp256k1 in WebAssembly, with the hashes that its keys go through (secp256k1/ has the source and how it
// was made). Keys cross into its memory here and nowhere else, and nothing of them stays there after `wipeScratch`.
import { readFileSync } from 'node:fs'
import { copySecret } from '../../shared/secret-bytes.ts'

type Exports = {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly getBuffer: () => number
  readonly getBufferBytes: () => number
  readonly getStack: () => number
  readonly initialize: () => number
  readonly verifyKey: () => number
  readonly tweakKey: () => number
  readonly createPoint: () => number
  readonly tweakPoint: () => number
  readonly parsePoint: (length: number) => number
  readonly serializePoint: (length: number) => number
  readonly hashKeccak256: (length: number) => void
  readonly deriveAddress: (account: number, length: number) => number
}

// TypeScript knows it as part of a browser only.
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

const code = new WebAssembly.Module(readFileSync(new URL('secp256k1/secp256k1.wasm', import.meta.url)))
const wasm = new WebAssembly.Instance(code).exports as Exports

/** The module's memory. It never grows: nothing in the module allocates. */
export const memory = new Uint8Array(wasm.memory.buffer)

const buffer = wasm.getBuffer()
const bufferBytes = wasm.getBufferBytes()
/** The offsets of secp256k1.zig. */
const keyAt = buffer
const tweakAt = buffer + 32
const publicKeyAt = buffer + 64
const chainCodeAt = buffer + 129
const accountPublicKeyAt = buffer + 161
const accountChainCodeAt = buffer + 194
const messageAt = buffer + 226
const digestAt = buffer + 290

/**
 * Where the module's stack begins, downwards, and how much of it is wiped: a test holds that no call goes deeper. Above it
 * lie constants.
 */
export const stackTop = wasm.getStack()
export const stackBytes = 16 * 1024

crypto.getRandomValues(memory.subarray(keyAt, keyAt + 32))
if (wasm.initialize() !== 1) throw new Error('expected libsecp256k1 to blind its context; it refused')
wipeScratch()

/** Overwrites what the calls below have left in the module's memory: arguments, results, and its stack. */
export function wipeScratch(): void {
  memory.fill(0, buffer, buffer + bufferBytes)
  memory.fill(0, stackTop - stackBytes, stackTop)
}

function write(at: number, bytes: Uint8Array): void {
  if (bytes.length !== 32) throw new RangeError(`expected 32 bytes; got ${bytes.length}`)
  memory.set(bytes, at)
}

/** Of what is public: a copy in V8's heap. */
const read = (at: number, length: number) => memory.slice(at, at + length)

function readPoint(length: 33 | 65): Uint8Array {
  wasm.serializePoint(length)
  return read(publicKeyAt, length)
}

/** Whether 32 bytes are a private key: from 1 to n-1 (SEC 1, section 3.2.1). */
export function isPrivateKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false
  write(keyAt, bytes)
  return wasm.verifyKey() === 1
}

/** The public key of a private one, compressed (33 bytes); undefined when the key is not from 1 to n-1. */
export function toPublicKey(privateKey: Uint8Array): Uint8Array | undefined {
  write(keyAt, privateKey)
  return wasm.createPoint() === 1 ? readPoint(33) : undefined
}

/** (key + tweak) mod n, 32 bytes; undefined when the tweak is n or more, or the sum is zero (BIP-32, CKDpriv). */
export function addToPrivateKey(privateKey: Uint8Array, tweak: Uint8Array): Uint8Array | undefined {
  write(keyAt, privateKey)
  write(tweakAt, tweak)
  return wasm.tweakKey() === 1 ? copySecret(memory.subarray(keyAt, keyAt + 32)) : undefined
}

/** Whether these are the 33 or 65 bytes of a point of the curve. */
export function isPublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 33 && bytes.length !== 65) return false
  memory.set(bytes, publicKeyAt)
  return wasm.parsePoint(bytes.length) === 1
}

/**
 * The point plus tweak times the generator, compressed (33 bytes); undefined when the tweak is n or more, the sum is
 * infinity (BIP-32, CKDpub), or the public key is no point. Not in constant time: for what is public.
 */
export function addToPublicKey(publicKey: Uint8Array, tweak: Uint8Array): Uint8Array | undefined {
  if (!isPublicKey(publicKey)) return undefined
  write(tweakAt, tweak)
  return wasm.tweakPoint() === 1 ? readPoint(33) : undefined
}

/** 0x04 ‖ x ‖ y, 65 bytes, of a public key in either form; undefined when it is no point. */
export function toUncompressed(publicKey: Uint8Array): Uint8Array | undefined {
  return isPublicKey(publicKey) ? readPoint(65) : undefined
}

/** The form of 33 bytes of a public key of 65: 0x02 or 0x03 by the last bit of y, and x (SEC 1, section 2.3.3). */
export function toCompressed(uncompressed: Uint8Array): Uint8Array {
  const compressed = uncompressed.slice(0, 33)
  compressed[0] = 2 + ((uncompressed[64] as number) & 1)
  return compressed
}

/** Keccak-256, 32 bytes, of up to 64 bytes (the padding before FIPS 202, as Ethereum uses it). Of what is public. */
export function keccak256(message: Uint8Array): Uint8Array {
  if (message.length > 64) throw new RangeError(`expected at most 64 bytes; got ${message.length}`)
  memory.set(message, messageAt)
  wasm.hashKeccak256(message.length)
  return read(digestAt, 32)
}

/** What `deriveAddress` gives: public parts only. */
export type AddressKeys = {
  /** Of `{account}'/0/0`, in the length asked for. */
  readonly publicKey: Uint8Array
  /** Of `{account}'`: compressed, and 32 bytes. */
  readonly accountPublicKey: Uint8Array
  readonly accountChainCode: Uint8Array
}

/**
 * From a coin-level node to `{account}'/0/0` (BIP-32, CKDpriv three times), all inside the module: no private key of these
 * three steps ever is in JavaScript's memory. Wipes what it leaves; undefined where BIP-32 skips an index (2^-127).
 *
 * @param mask, masked 32 bytes each; their XOR is the node's private key
 * @param account 0 to 2^31-1; hardened here
 */
export function deriveAddress(
  node: { readonly mask: Uint8Array; readonly masked: Uint8Array; readonly chainCode: Uint8Array },
  account: number,
  length: 33 | 65,
): AddressKeys | undefined {
  const { mask, masked, chainCode } = node
  for (let at = 0; at < 32; at++) memory[keyAt + at] = (mask[at] as number) ^ (masked[at] as number)
  write(chainCodeAt, chainCode)
  const exists = wasm.deriveAddress(account, length) === 1
  const keys = {
    publicKey: read(publicKeyAt, length),
    accountPublicKey: read(accountPublicKeyAt, 33),
    accountChainCode: read(accountChainCodeAt, 32),
  }
  wipeScratch()
  return exists ? keys : undefined
}

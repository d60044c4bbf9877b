// The curve: libsecp256k1 in WASM, as @bitauth/libauth ships it. Keys cross into its memory here and nowhere else, and
// nothing of them stays there after `wipeScratch`.
import {
  CompressionFlag,
  ContextFlag,
  instantiateSecp256k1Wasm,
} from '@bitauth/libauth/build/lib/bin/secp256k1/secp256k1-wasm.js'

const wasm = await instantiateSecp256k1Wasm()
const { heapU8, heapU32 } = wasm

/**
 * The stack of the module's C code, which grows upwards from here (Emscripten's layout as libauth sets it up: 1 KiB, the
 * static data, then 5 MiB of stack). Its deepest call, tweaking a point, reaches less than 16 KiB into it; a test holds
 * that.
 */
export const stackStart = 68_752
const stackBytes = 32 * 1024

const scalar = wasm.malloc(32)
const tweak = wasm.malloc(32)
const point = wasm.malloc(64)
const serialized = wasm.malloc(65)
const serializedLength = wasm.mallocSizeT(65)
/** All of the heap's first page that calls write to, in one range: the buffers above lie in it. */
const scratchStart = Math.min(scalar, tweak, point, serialized)
const scratchEnd = Math.max(scalar + 32, tweak + 32, point + 64, serialized + 65)

/** Multiplies the generator. Blinded, so that its timing tells nothing of the key: libsecp256k1's own defence. */
const signing = createContext(ContextFlag.SIGN)
/** Adds to points. Its tables take 20 ms to make, and most processes never ask for it. */
let verifying: number | undefined

function createContext(flag: ContextFlag): number {
  const context = wasm.contextCreate(flag)
  const seed = wasm.mallocUint8Array(crypto.getRandomValues(new Uint8Array(32)))
  const done = wasm.contextRandomize(context, seed)
  heapU8.fill(0, seed, seed + 32)
  wasm.free(seed)
  if (done !== 1) throw new Error('expected libsecp256k1 to blind its context; it refused')
  return context
}

const getVerifying = () => {
  verifying ??= createContext(ContextFlag.VERIFY)
  return verifying
}

function readPoint(length: 33 | 65): Uint8Array {
  heapU32[serializedLength >> 2] = length
  const compression = length === 33 ? CompressionFlag.COMPRESSED : CompressionFlag.UNCOMPRESSED
  wasm.pubkeySerialize(signing, serialized, serializedLength, point, compression)
  return heapU8.slice(serialized, serialized + length)
}

function parsePoint(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 33 && publicKey.length !== 65) return false
  heapU8.set(publicKey, serialized)
  return wasm.pubkeyParse(signing, point, serialized, publicKey.length as 33 | 65) === 1
}

function writeScalar(at: number, value: Uint8Array): void {
  if (value.length !== 32) throw new RangeError(`expected a scalar of 32 bytes; got ${value.length}`)
  heapU8.set(value, at)
}

/** Whether 32 bytes are a private key: from 1 to n-1 (SEC 1, section 3.2.1). */
export function isPrivateKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false
  heapU8.set(bytes, scalar)
  return wasm.seckeyVerify(signing, scalar) === 1
}

/**
 * The public key of a private one: compressed (33 bytes), or 0x04 ‖ x ‖ y (65 bytes); undefined when the key is not from
 * 1 to n-1.
 */
export function toPublicKey(privateKey: Uint8Array, length: 33 | 65 = 33): Uint8Array | undefined {
  writeScalar(scalar, privateKey)
  if (wasm.pubkeyCreate(signing, point, scalar) !== 1) return undefined
  return readPoint(length)
}

/** (key + tweak) mod n, 32 bytes; undefined when the tweak is n or more, or the sum is zero (BIP-32, CKDpriv). */
export function addToPrivateKey(privateKey: Uint8Array, tweakBytes: Uint8Array): Uint8Array | undefined {
  writeScalar(scalar, privateKey)
  writeScalar(tweak, tweakBytes)
  if (wasm.privkeyTweakAdd(signing, scalar, tweak) !== 1) return undefined
  return heapU8.slice(scalar, scalar + 32)
}

/** n - 1, big-endian (SEC 2, section 2.4.1): times it is minus. */
const minusOne = Buffer.from('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140', 'hex')

/** n - key, 32 bytes: the private key of the point with the other y; undefined when the key is not from 1 to n-1. */
export function negatePrivateKey(privateKey: Uint8Array): Uint8Array | undefined {
  if (!isPrivateKey(privateKey)) return undefined
  writeScalar(tweak, minusOne)
  if (wasm.privkeyTweakMul(signing, scalar, tweak) !== 1) return undefined
  return heapU8.slice(scalar, scalar + 32)
}

/**
 * The point plus tweak times the generator, compressed (33 bytes); undefined when the tweak is n or more, the sum is
 * infinity (BIP-32, CKDpub), or the public key is no point.
 */
export function addToPublicKey(publicKey: Uint8Array, tweakBytes: Uint8Array): Uint8Array | undefined {
  if (!parsePoint(publicKey)) return undefined
  writeScalar(tweak, tweakBytes)
  if (wasm.pubkeyTweakAdd(getVerifying(), point, tweak) !== 1) return undefined
  return readPoint(33)
}

/** Whether these bytes are a point of the curve, compressed or not. */
export const isPublicKey = (bytes: Uint8Array): boolean => parsePoint(bytes)

/** 0x04 ‖ x ‖ y, 65 bytes, of a public key in either form; undefined when it is no point. */
export function toUncompressed(publicKey: Uint8Array): Uint8Array | undefined {
  return parsePoint(publicKey) ? readPoint(65) : undefined
}

/** The form of 33 bytes of a public key of 65: 0x02 or 0x03 by the last bit of y, and x (SEC 1, section 2.3.3). */
export function toCompressed(uncompressed: Uint8Array): Uint8Array {
  const compressed = uncompressed.slice(0, 33)
  compressed[0] = 2 + ((uncompressed[64] as number) & 1)
  return compressed
}

/** Overwrites what the calls above have left in the module's memory: arguments, results, and its stack. */
export function wipeScratch(): void {
  heapU8.fill(0, scratchStart, scratchEnd)
  heapU8.fill(0, stackStart, stackStart + stackBytes)
}

/** The module's memory, for the test that looks for keys in it. */
export const memory: Uint8Array = heapU8

// The sealed form of a clean copy: it opens with its own key as what it is, and not with one bit of anything else.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CleanCopy } from '../../functions/inspect/check.ts'
import { openCopy, sealCopy } from '../../functions/inspect/sealed-copy.ts'
import { IntegrityError } from '../../shared/errors.ts'
import { verificationId } from '../support/fakes.ts'

const origin = { id: verificationId, attempt: 3, sha256: Buffer.alloc(32, 7) }
const dataKey = Buffer.alloc(32, 1)
const iv = Buffer.alloc(12, 2)
const copy: CleanCopy = { mediaType: 'image/png', bytes: Buffer.from('a clean copy') }

describe('a sealed copy', () => {
  it('has the layout that is written down', () => {
    const sealed = Buffer.from(sealCopy(copy, { origin, dataKey, iv }))
    const header = `0102${verificationId.replaceAll('-', '')}00000003${'07'.repeat(32)}${'02'.repeat(12)}`
    expect(sealed.subarray(0, 66).toString('hex')).toBe(header)
    // Ciphertext and tag.
    expect(sealed.length).toBe(66 + copy.bytes.length + 16)
  })

  it('opens as what it was, whatever its type and bytes', () => {
    const types = fc.constantFrom('image/jpeg', 'image/png', 'application/pdf')
    fc.assert(
      fc.property(types, fc.uint8Array(), fc.integer({ min: 1, max: 999_999_999 }), (mediaType, bytes, attempt) => {
        const of = { origin: { ...origin, attempt }, dataKey }
        const sealed = sealCopy({ mediaType, bytes }, { ...of, iv: randomBytes(12) })
        const opened = openCopy(sealed, of)
        expect(opened.mediaType).toBe(mediaType)
        expect(Buffer.from(opened.bytes).equals(bytes)).toBe(true)
      }),
    )
  })

  it('shows nothing of the copy', () => {
    expect(Buffer.from(sealCopy(copy, { origin, dataKey, iv })).includes('clean')).toBe(false)
  })

  it('does not open with any bit of it flipped', () => {
    const sealed = sealCopy(copy, { origin, dataKey, iv })
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed)
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => openCopy(altered, { origin, dataKey }), `bit ${bit}`).toThrow(IntegrityError)
    }
  })

  it.each([
    ['another key', { origin, dataKey: Buffer.alloc(32, 9) }],
    ['another verification', { origin: { ...origin, id: '00000000-0000-4000-8000-000000000001' }, dataKey }],
    ['another attempt', { origin: { ...origin, attempt: 2 }, dataKey }],
    ['another original', { origin: { ...origin, sha256: Buffer.alloc(32, 8) }, dataKey }],
  ])('does not open as that of %s', (_name, of) => {
    expect(() => openCopy(sealCopy(copy, { origin, dataKey, iv }), of)).toThrow(IntegrityError)
  })

  it.each([0, 1, 2, 66, 81])('is none with %i bytes', (length) => {
    const sealed = sealCopy(copy, { origin, dataKey, iv })
    expect(() => openCopy(sealed.subarray(0, length), { origin, dataKey })).toThrow(IntegrityError)
  })
})

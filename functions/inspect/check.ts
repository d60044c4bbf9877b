// What a check is, and what it finds: the language of the inspection. The codes, with what they tell a person, are in
// reasons.ts.
import type { ReasonCode } from './reasons.ts'

export type MediaType = 'image/jpeg' | 'image/png' | 'application/pdf'

/** Something that is wrong. `message`: in the place of the code's own, where more can be said. */
export type Finding = { readonly code: ReasonCode; readonly message?: string }

/** One question about the bytes of a document. It has no effect, and asks nobody else. */
export type Check = {
  /** Stable: it stands in every verdict. */
  readonly name: string
  /** Whether the checks behind it rely on it: when it finds something they are skipped. */
  readonly isGate: boolean
  /**
   * @returns everything that it found; nothing: it passed
   * @throws only when the code of a decoder itself fails (no memory), which says nothing certain of the document
   */
  readonly run: () => readonly Finding[] | Promise<readonly Finding[]>
}

/** What is kept of a document that passed: made of its pixels alone. */
export type CleanCopy = { readonly mediaType: MediaType; readonly bytes: Uint8Array }

/** The questions to a document of one type, in their order, and the copy of one that answered all of them well. */
export type Examination = {
  readonly checks: readonly Check[]
  readonly makeCleanCopy: () => Promise<CleanCopy>
}

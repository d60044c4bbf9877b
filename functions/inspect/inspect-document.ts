// A document inspected as a whole: which checks there are for it, in which order, and what they make of it together.
// It reads strangers' bytes, and nothing else: no file, no environment, no network.
import type { Reason } from '../../shared/model.ts'
import type { Check, CleanCopy, Examination, Finding, MediaType } from './check.ts'
import { detectType } from './detect-type.ts'
import { examinePicture } from './picture.ts'
import { maximumBytes, reasons } from './reasons.ts'
import { rulesVersion } from './rules-version.ts'

/** `skipped`: a check before it found something that it relies on. */
export type CheckResult = {
  readonly check: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  readonly milliseconds: number
}

/** The verdict on the bytes of a document, and how it came about. The same bytes always have the same, but for the times. */
export type Inspection = {
  readonly verdict: 'passed' | 'rejected'
  /** null: it is none that is accepted, or too large to be looked at. */
  readonly mediaType: MediaType | null
  /** Of a rejected document everything that was found, each code once. */
  readonly reasons: readonly Reason[]
  readonly rulesVersion: string
  /** In their order. */
  readonly checks: readonly CheckResult[]
}

/** `makeCleanCopy`: what is kept of a document; undefined when it did not pass. */
export type InspectedDocument = Inspection & { readonly makeCleanCopy: (() => Promise<CleanCopy>) | undefined }

/**
 * Inspects the bytes of one document.
 *
 * @param onCheck is told of each check before it begins, so that it is known which one never ended
 * @throws only when a decoder itself fails (no memory): that says nothing certain about the document.
 */
export async function inspectDocument(
  bytes: Uint8Array,
  onCheck: (name: string) => void = () => {},
): Promise<InspectedDocument> {
  const opened: { mediaType: MediaType | null } = { mediaType: null }
  const findType = async () => {
    const type = await detectType(bytes)
    if ('finding' in type) return [type.finding]
    opened.mediaType = type.mediaType
    return []
  }
  const first: readonly Check[] = [
    { name: 'size', isGate: true, run: () => checkSize(bytes) },
    { name: 'type', isGate: true, run: findType },
  ]
  const begun = await runChecks(first, onCheck)
  const { mediaType } = opened
  const examination = mediaType === null ? undefined : await examine(bytes, mediaType)
  const examined = await runChecks(examination?.checks ?? [], onCheck)
  const findings = [...begun.findings, ...examined.findings]
  const hasPassed = findings.length === 0
  return {
    verdict: hasPassed ? 'passed' : 'rejected',
    mediaType,
    reasons: toReasons(findings),
    rulesVersion,
    checks: [...begun.results, ...examined.results],
    makeCleanCopy: hasPassed ? examination?.makeCleanCopy : undefined,
  }
}

function checkSize(bytes: Uint8Array): readonly Finding[] {
  if (bytes.length === 0) return [{ code: 'empty' }]
  return bytes.length > maximumBytes ? [{ code: 'too_large' }] : []
}

async function examine(bytes: Uint8Array, mediaType: MediaType): Promise<Examination> {
  if (mediaType !== 'application/pdf') return examinePicture(bytes, mediaType)
  // Loaded for those alone that need it: each document has a process of its own.
  const { examinePdf } = await import('./pdf.ts')
  return examinePdf(bytes)
}

/** Runs checks in their order; behind a gate that found something they are skipped. */
async function runChecks(
  checks: readonly Check[],
  onCheck: (name: string) => void,
): Promise<{ readonly results: readonly CheckResult[]; readonly findings: readonly Finding[] }> {
  const results: CheckResult[] = []
  const findings: Finding[] = []
  let isStopped = false
  for (const { name, isGate, run } of checks) {
    if (isStopped) {
      results.push({ check: name, outcome: 'skipped', milliseconds: 0 })
      continue
    }
    onCheck(name)
    const start = performance.now()
    const found = await run()
    const milliseconds = Math.round(performance.now() - start)
    results.push({ check: name, outcome: found.length > 0 ? 'failed' : 'passed', milliseconds })
    findings.push(...found)
    isStopped = isGate && found.length > 0
  }
  return { results, findings }
}

/** The first finding of each code. */
function toReasons(findings: readonly Finding[]): readonly Reason[] {
  const found = new Map<string, Reason>()
  for (const { code, message } of findings) {
    const known = reasons[code]
    if (!found.has(code)) found.set(code, { code, message: message ?? known.message, retry: known.retry })
  }
  return [...found.values()]
}

// What happens to the objects of a document once there is a verdict on it: the original goes, and with it key and copy of
// what is not kept. Each delivery of a message does it again, until it is done.
import {
  type Destroy,
  type DocumentAttempt,
  destroyDocuments,
  toDataKeyKey,
  toKeptKey,
} from '../../shared/kept-documents.ts'
import { toDocumentKey } from '../../shared/model.ts'

export type DiscardPorts = Destroy & {
  /** The attempts of that id of which something is kept, and is not being erased. */
  readonly findKeptAttempts: (id: string) => Promise<readonly number[]>
}

/**
 * Deletes the objects of that attempt, and of those before it, but for what is kept.
 *
 * @param decided an attempt that has its verdict: later ones under its name are deleted unread
 */
export async function discardDocument(ports: DiscardPorts, decided: DocumentAttempt): Promise<void> {
  const { id } = decided
  const kept = await ports.findKeptAttempts(id)
  const attempts = Array.from({ length: decided.attempt }, (_, index) => ({ id, attempt: index + 1 }))
  const lost = attempts.filter(({ attempt }) => !kept.includes(attempt))
  if (lost.length > 0) await destroyDocuments(ports, lost)
  await ports.deleteDocuments(attempts.filter(({ attempt }) => kept.includes(attempt)).map(toDocumentKey))
}

/** Deletes what was prepared to keep a document that was not found. The original may be on its way. */
export async function discardCopy(ports: Destroy, attempt: DocumentAttempt): Promise<void> {
  await ports.deleteDataKeys([toDataKeyKey(attempt)])
  await ports.deleteDocuments([toKeptKey(attempt)])
}

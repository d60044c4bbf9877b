// What a document is told that could not be judged. Apart from the schemas of model.ts: the parser loads this for each document.
import type { Reason } from './model.ts'

/** Why a document is rejected that could not be judged: nothing is known to be wrong with it, so the same bytes may come again. */
export const unjudgedReasons = {
  inspection_failed: {
    message: 'The document could not be inspected. Upload it once more, or export or photograph it again.',
    retry: true,
  },
  altered_document: {
    message: 'The stored document is not the one that was uploaded. Upload it once more.',
    retry: true,
  },
} as const satisfies Record<string, Omit<Reason, 'code'>>

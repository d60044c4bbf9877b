// What a client does with the form of an upload: sends it as it is, and the document as its last field.
import type { UploadForm } from '../../functions/intake/request-upload.ts'

/** What S3 answered: its status, and the code of its error if it is one. */
export async function uploadDocument(
  { url, fields }: UploadForm,
  document: Uint8Array,
): Promise<{ readonly status: number; readonly code: string | undefined }> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new Blob([Buffer.from(document)]))
  const answer = await fetch(url, { method: 'POST', body: form })
  return { status: answer.status, code: /<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1] }
}

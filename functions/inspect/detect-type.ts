// What a document is by its bytes, whatever its name says.
import { fileTypeFromBuffer } from 'file-type'
import type { Finding, MediaType } from './check.ts'

const mediaTypes: readonly string[] = ['image/jpeg', 'image/png', 'application/pdf'] satisfies MediaType[]
const isMediaType = (type: string | undefined): type is MediaType => type !== undefined && mediaTypes.includes(type)

export async function detectType(bytes: Uint8Array): Promise<{ mediaType: MediaType } | { finding: Finding }> {
  const mediaType = (await fileTypeFromBuffer(bytes))?.mime
  return isMediaType(mediaType) ? { mediaType } : { finding: { code: 'unsupported_type' } }
}

// The port of comparing documents, on KMS.
import { GenerateMacCommand, type KMSClient } from '@aws-sdk/client-kms'
import { UnavailableError } from '../../shared/errors.ts'
import type { VerifyDocumentsPorts } from './verify-documents.ts'

/** What it makes throws `UnavailableError` when KMS makes none. */
export function createMacDocument(kms: KMSClient, keyArn: string): VerifyDocumentsPorts['macDocument'] {
  return async (documentSha256) => {
    const command = new GenerateMacCommand({ KeyId: keyArn, MacAlgorithm: 'HMAC_SHA_256', Message: documentSha256 })
    const { Mac } = await kms.send(command).catch((error: unknown) => {
      throw new UnavailableError('inspection', 'the document could not be compared with others', { cause: error })
    })
    if (!Mac) throw new UnavailableError('inspection', 'expected an HMAC from KMS; got none')
    return Mac
  }
}

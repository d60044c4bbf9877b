// The port of comparing documents: the key stays in KMS, and the hash goes there as it is.
import type { KMSClient } from '@aws-sdk/client-kms'
import { expect, it } from 'vitest'
import { createMacDocument } from '../../functions/verification/mac-document.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { catchError, makeAwsClient, makeAwsError } from '../support/fakes.ts'

const sha256 = Buffer.alloc(32, 1)

it('is the HMAC that KMS makes of the hash', async () => {
  const Mac = Buffer.alloc(32, 2)
  const { client, commands } = makeAwsClient<KMSClient>(() => ({ Mac }))
  expect(await createMacDocument(client, 'arn:key')(sha256)).toBe(Mac)
  const input = { KeyId: 'arn:key', MacAlgorithm: 'HMAC_SHA_256', Message: sha256 }
  expect(commands).toEqual([{ name: 'GenerateMacCommand', input }])
})

it.each([
  ['is away', () => Promise.reject(makeAwsError('KMSInternalException'))],
  ['answers none', () => ({})],
])('comes again when KMS %s: nobody is verified uncompared', async (_name, answer) => {
  const { client } = makeAwsClient<KMSClient>(answer)
  expect(await catchError(() => createMacDocument(client, 'arn:key')(sha256))).toBeInstanceOf(UnavailableError)
})

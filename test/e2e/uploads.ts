// Large documents on the deployed local stack: a form from the API, the document to S3, and on like any other.
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { createEmulatorClients } from '../../local/emulator-clients.ts'
import { openClient } from '../support/client.ts'
import { makePhoto, samples } from '../support/fixtures.ts'
import {
  type Api,
  call,
  openApi,
  poll,
  postDocument,
  type StackDescription,
  waitForWallet,
} from '../support/local-stack.ts'
import { uploadDocument } from '../support/upload-document.ts'

const tenMebibytes = 10 * 1024 * 1024

type Context = {
  readonly stack: () => StackDescription
  readonly state: string
  readonly service: () => Api
}

/** Defines the tests; the stack must be running when they run. */
export function describeUploads({ stack, state, service }: Context): void {
  const ask = async (user_id: string, content_type: 'image/jpeg' | 'application/pdf', size: number) => {
    const client = openClient(await openApi(stack(), state, { user: user_id }))
    return await client.POST('/verify/uploads', { body: { user_id, network: 'bitcoin', content_type, size } })
  }
  const waitForVerdict = (id: string) =>
    poll(
      () => call(service(), `/verify/${id}`),
      ({ body }) => !['pending', 'processing'].includes(String(body.status)),
    )

  describe('an upload', () => {
    it('of 10 MiB to the byte becomes a wallet; one byte more is refused by the API, and by S3', async () => {
      const user = 'uploader'
      const refused = await ask(user, 'image/jpeg', tenMebibytes + 1)
      expect(refused.error).toMatchObject({ status: 413, code: 'document_too_large' })

      const document = await makePhoto(tenMebibytes)
      const { data, response } = await ask(user, 'image/jpeg', document.length)
      expect(response.status).toBe(202)
      if (!data?.upload) return expect.unreachable()
      const { verification_id: id, upload } = data
      const longer = Buffer.concat([document, Buffer.alloc(1)])
      expect(await uploadDocument(upload, longer)).toEqual({ status: 400, code: 'EntityTooLarge' })
      expect((await call(service(), `/verify/${id}`)).body).toMatchObject({ status: 'pending', duplicate_of: null })
      // The same request again: the same verification, another form.
      const again = await ask(user, 'image/jpeg', document.length)
      expect(again.data).toMatchObject({ verification_id: id, status: 'pending' })
      expect((await uploadDocument(again.data?.upload ?? upload, document)).status).toBe(204)

      const { body } = await waitForVerdict(id)
      expect(body).toMatchObject({ status: 'verified', reasons: [], duplicate_of: null })
      await waitForWallet(service(), user, 'bitcoin')

      // Whoever sends once more with the same form changes nothing, and what was sent is gone.
      expect((await uploadDocument(upload, document)).status).toBe(204)
      const { s3, close } = createEmulatorClients(stack().emulator_url)
      const isThere = () =>
        s3.send(new HeadObjectCommand({ Bucket: upload.fields.bucket, Key: upload.fields.key })).then(
          () => true,
          () => false,
        )
      await expect.poll(isThere, { timeout: 60_000, interval: 500 }).toBe(false)
      close()
      expect((await call(service(), `/verify/${id}`)).body).toEqual(body)
      expect((await ask(user, 'image/jpeg', 9)).data).toMatchObject({ verification_id: id, status: 'verified' })
    })

    it('of a document that was here before is answered by the earlier verification', async () => {
      const user = 'repeater'
      const document = samples.letter.subarray(0, samples.letter.length - 40)
      const posted = await postDocument(service(), { user_id: user, network: 'bitcoin', document })
      const earlier = (await waitForVerdict(String(posted.body.verification_id))).body
      expect(earlier).toMatchObject({ status: 'rejected', reasons: [{ retry: false }] })

      const { data } = await ask(user, 'application/pdf', document.length)
      if (!data?.upload) return expect.unreachable()
      expect((await uploadDocument(data.upload, document)).status).toBe(204)
      const { body } = await waitForVerdict(data.verification_id)
      const { verification_id, status, reasons } = earlier
      expect(body).toMatchObject({
        verification_id: data.verification_id,
        duplicate_of: verification_id,
        status,
        reasons,
      })
    })
  })
}

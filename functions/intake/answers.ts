// What POST answers when it took a request: the shapes of the bodies, as the OpenAPI document has them.
import * as z from 'zod'
import { verificationStatuses } from '../../shared/model.ts'

/** 202: the verification that this request made, or that it was answered with. */
export const acceptedSchema = z
  .object({
    message: z.string().meta({ description: 'For people', examples: ['Verification in progress'] }),
    verification_id: z.uuid().meta({ examples: ['7d0f5b1e-3c0a-4d3e-9b53-0f4f6f0f2b11'] }),
    status: z.enum(verificationStatuses).meta({ examples: ['pending'] }),
  })
  .meta({ id: 'Accepted', description: 'The verification that answers this request' })

export type Accepted = z.output<typeof acceptedSchema>

/** 202 of `POST /verify/uploads`. */
export const uploadAcceptedSchema = acceptedSchema
  .extend({
    upload: z
      .object({
        url: z.url().meta({ examples: ['https://documents.s3.eu-central-1.amazonaws.com/'] }),
        fields: z.record(z.string(), z.string()).meta({
          description: 'Send them as they are, as multipart/form-data, and the document as the last field, `file`',
          examples: [{ key: 'incoming/7d0f5b1e-3c0a-4d3e-9b53-0f4f6f0f2b11/1', 'Content-Type': 'application/pdf' }],
        }),
        expires_at: z.iso
          .datetime({ precision: 3 })
          .meta({ description: 'UTC; after that, ask again', examples: ['2026-01-02T12:15:00.000Z'] }),
      })
      .optional()
      .meta({ description: 'Where to upload the document; absent when none is awaited' }),
  })
  .meta({
    id: 'UploadAccepted',
    description: 'The verification that answers this request, and where its document goes',
  })

export type UploadAccepted = z.output<typeof uploadAcceptedSchema>

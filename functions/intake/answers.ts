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

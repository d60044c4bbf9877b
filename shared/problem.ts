// The shape of every error that the API answers: problem details (RFC 9457). Who makes one is in http.ts.
import * as z from 'zod'

/** `issues`: every field that is wrong; absent when the fault is not in fields. */
export const problemSchema = z
  .object({
    type: z.string().meta({
      description: 'Names the kind of error; identifies, and leads nowhere',
      examples: ['urn:verified-wallets:problem:wallet_not_found'],
    }),
    title: z.string().meta({ description: 'The name of the HTTP status', examples: ['Not Found'] }),
    status: z
      .int()
      .min(400)
      .max(599)
      .meta({ description: 'The HTTP status', examples: [404] }),
    detail: z.string().meta({
      description: 'For people: what was expected and what was got; of a 5xx never why',
      examples: ['Wallet not found'],
    }),
    code: z.string().meta({
      description: 'For programs: stable. New ones may be added',
      examples: ['wallet_not_found'],
    }),
    request_id: z.string().meta({
      description: 'As in the header `X-Request-ID`',
      examples: ['0b9f3c1e-6f5c-4f0a-9d0c-2f6a1f6f7a10'],
    }),
    issues: z
      .array(
        z.object({
          path: z.string().meta({ description: 'The field', examples: ['network'] }),
          message: z.string().meta({ examples: ['expected one of ethereum, bitcoin, tron; got "doge"'] }),
        }),
      )
      .optional()
      .meta({ description: 'Every field that is missing or wrong' }),
  })
  .meta({ id: 'Problem', description: 'An error, as problem details (RFC 9457)' })

export type Problem = z.output<typeof problemSchema>

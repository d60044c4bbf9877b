// The variables that the authorize function reads: whose tokens are let in. Nothing else is known to it.
import * as z from 'zod'
import { metricsEnvironment } from '../../shared/environment.ts'

/** `https`, but on loopback, where the local stack's issuer is. */
const url = z.url().refine((text) => {
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && hostname === '127.0.0.1')
})

const names = z.array(z.string().min(1)).min(1).readonly()

const tokenSettingsSchema = z
  .strictObject({
    /** `iss`, exactly. */
    issuer: url,
    /** Where the issuer's keys are; `{issuer}/.well-known/jwks.json` unless said. */
    jwksUri: url.optional(),
    /** The issuer's public keys themselves (RFC 7517, 4), where it cannot be asked: then nothing is fetched, ever. */
    keys: z
      .array(z.looseObject({ kid: z.string().min(1) }))
      .min(1)
      .readonly()
      .optional(),
    /** The one that the issuer signs with: no token may name another. */
    algorithm: z.enum(['RS256', 'ES256']),
    /** `aud` must hold one of them. */
    audiences: names.optional(),
    /** The client must be one of them. Cognito's access tokens have this and no audience. */
    clientIds: names.optional(),
    /** What stands before each scope of ours in a token, `verified-wallets/` say; a scope without it is none of ours. */
    scopePrefix: z.string().optional(),
  })
  .refine(({ audiences, clientIds }) => audiences !== undefined || clientIds !== undefined)
  .readonly()

/** Whose tokens are let in, and for whom they must have been issued: audiences, clients, or both. */
export type TokenSettings = z.output<typeof tokenSettingsSchema>

export const authorizeEnvironment = z.object({
  ...metricsEnvironment,
  /** JSON of `TokenSettings`, or `null`: nobody is let in. */
  TOKENS: z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text)
      } catch {
        context.addIssue({ code: 'custom', message: 'expected JSON' })
        return z.NEVER
      }
    })
    .pipe(tokenSettingsSchema.nullable()),
})

export type AuthorizeEnvironment = z.input<typeof authorizeEnvironment>

// What POST is asked, besides an upload: the shapes of the bodies.
import * as z from 'zod'
import { addressTypeSchema, networkSchema } from '../../shared/model.ts'

/** The body of `POST /wallet/{user_id}`; other fields are ignored. */
export const walletRequestSchema = z
  .object({ network: networkSchema, address_type: addressTypeSchema.optional() })
  .meta({ id: 'WalletRequest' })

// The use case of POST /wallet/{user_id}: a further wallet for a person who is verified. Who is, the database decides.
import { RequestError } from '../../shared/errors.ts'
import type { AddressType, Network, Verification } from '../../shared/model.ts'
import type { Extension } from '../../shared/verifications.ts'

export type AskForWalletPorts = {
  /** The verification of a person for that network and address type; undefined when the person never passed for any. */
  readonly extendVerified: (extension: Extension) => Promise<Verification | undefined>
  /** Tells announce that there is something to announce. Never fails: its schedule is the net. */
  readonly nudgeAnnounce: () => Promise<void>
  readonly newId: () => string
  readonly now: () => Date
}

export type WalletRequest = {
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  readonly requestId: string
}

/**
 * Asks for a wallet without a document: the one that passed vouches. A row is announced like any other, and a repetition
 * finds it; one that nobody announced yet is nudged again.
 *
 * @returns the verification for that network and address type
 * @throws {RequestError} 404 when the person is not verified at all
 */
export async function askForWallet(ports: AskForWalletPorts, request: WalletRequest): Promise<Verification> {
  const verification = await ports.extendVerified({ id: ports.newId(), ...request, now: ports.now() })
  if (!verification) {
    throw new RequestError(404, 'user_not_verified', 'expected a user who is verified for some network; got another')
  }
  if (!verification.announcedAt) await ports.nudgeAnnounce()
  return verification
}

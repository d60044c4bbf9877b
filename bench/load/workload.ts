// Who uploads what: the n-th document of a run, made of its number alone. Nothing is sent here.
import { createHash } from 'node:crypto'
import { v5 as uuidV5 } from 'uuid'
import { type AddressType, addressTypes, type Network, networks, type PassedVerification } from '../../shared/model.ts'

/** One wallet that is asked for, by one document. */
export type Upload = {
  /** Counted from 0 in each run. */
  readonly index: number
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  /** Of the request, and of everything that comes of it. */
  readonly requestId: string
}

const kinds = networks.flatMap((network) => addressTypes[network].map((addressType) => ({ network, addressType })))

/**
 * Users take turns; in each turn all ask for one more kind of wallet. After a wallet of each kind every further document of a
 * user is one that was sent before.
 *
 * @param run of letters and digits: users and requests of two runs differ by it
 */
export function makeUpload(run: string, users: number, index: number): Upload {
  const user = index % users
  const kind = kinds[Math.floor(index / users) % kinds.length]
  if (kind === undefined) throw new TypeError('expected at least one network')
  return { index, userId: `load-${run}-${user}`, requestId: `load-${run}-${index}`, ...kind }
}

/** How many different wallets that many documents ask for. */
export const countWallets = (users: number, documents: number) => Math.min(documents, users * kinds.length)

const nameSpace = '0b1d5f5c-5a0e-4a4c-9d43-35b6c4a8e6f1'

/** The verified row that there would be if the document of the upload had been posted and had passed at that time. */
export function makeVerified(upload: Upload, at: Date): PassedVerification {
  const { userId, network, addressType, requestId } = upload
  const key = `${userId} ${addressType}`
  return {
    ...{
      id: uuidV5(key, nameSpace),
      userId,
      network,
      addressType,
      requestId,
      status: 'verified',
      attempt: 1,
      reasons: [],
    },
    documentSha256: createHash('sha256').update(key).digest(),
    ...{ createdAt: at, verifiedAt: at, announcedAt: null },
  }
}

// The SQL of erasing: what is kept of a verification, and the two times between which it goes. A hold and an erasure exclude
// each other in one statement each, whoever comes first.
import type { Sql } from '../../shared/database.ts'
import type { DocumentAttempt } from '../../shared/kept-documents.ts'
import type { VerificationStatus } from '../../shared/model.ts'

/** What is kept of a document. `erasingSince`: it is going, or gone. */
export type KeptDocument = {
  readonly object: DocumentAttempt
  readonly legalHold: boolean
  readonly erasingSince: Date | null
  readonly erasedAt: Date | null
}

/** The document that a verification stands on: its own, or that of the verification that vouches for it. */
export type StandingDocument = {
  /** The verification whose document it is. */
  readonly id: string
  readonly userId: string
  readonly status: VerificationStatus
  readonly attempt: number
  /** Undefined: nothing is. */
  readonly kept: KeptDocument | undefined
}

type Row = Omit<StandingDocument, 'kept'> & {
  readonly objectId: string | null
  readonly objectAttempt: number
} & Omit<KeptDocument, 'object'>

/** The document that the verification of that id stands on; undefined when there is no such verification. */
export async function findStandingDocument(sql: Sql, id: string): Promise<StandingDocument | undefined> {
  const [row] = await sql<Row[]>`
    select v.id, v.user_id as "userId", v.status, v.attempt, k.object_id as "objectId",
      k.object_attempt as "objectAttempt", k.legal_hold as "legalHold", k.erasing_since as "erasingSince",
      k.erased_at as "erasedAt"
    from verification.verifications v
    left join verification.kept_documents k on k.verification_id = v.id
    where v.id = verification.document_of(${id})`
  if (!row) return undefined
  const { objectId, objectAttempt, legalHold, erasingSince, erasedAt, ...verification } = row
  if (objectId === null) return { ...verification, kept: undefined }
  const object = { id: objectId, attempt: objectAttempt }
  return { ...verification, kept: { object, legalHold, erasingSince, erasedAt } }
}

/** Begins to erase what is kept of that verification; false when a hold forbids it. Begun twice is begun once. */
export async function beginErasure(sql: Sql, id: string, now: Date): Promise<boolean> {
  const rows = await sql`
    update verification.kept_documents set erasing_since = coalesce(erasing_since, ${now})
    where verification_id = ${id} and not legal_hold
    returning verification_id`
  return rows.length > 0
}

/** Notes that key and copy of these verifications are gone. The first time stands. */
export async function markErased(sql: Sql, ids: readonly string[], now: Date): Promise<void> {
  await sql`
    update verification.kept_documents set erased_at = ${now}
    where verification_id = any(${[...ids]}::uuid[]) and erasing_since is not null and erased_at is null`
}

/** Sets a hold or lifts it; false when the document is going or gone. */
export async function setLegalHold(sql: Sql, id: string, hold: boolean): Promise<boolean> {
  const rows = await sql`
    update verification.kept_documents set legal_hold = ${hold}
    where verification_id = ${id} and erasing_since is null
    returning verification_id`
  return rows.length > 0
}

/** Begins to erase what was kept before that time, but for what is held; answers how many. Oldest first. */
export async function beginOverdueErasures(
  sql: Sql,
  options: { readonly keptBefore: Date; readonly now: Date; readonly limit: number },
): Promise<number> {
  const rows = await sql`
    update verification.kept_documents set erasing_since = ${options.now}
    where verification_id in (
      select verification_id from verification.kept_documents
      where erasing_since is null and not legal_hold and kept_at < ${options.keptBefore}
      order by kept_at
      limit ${options.limit}
      for update skip locked
    )
    returning verification_id`
  return rows.length
}

/** An erasure that was begun and is not done. */
export type OpenErasure = { readonly id: string; readonly object: DocumentAttempt }

/** Erasures that are not done, in the order of their verifications' ids, behind that one. */
export async function findOpenErasures(
  sql: Sql,
  after: string | undefined,
  limit: number,
): Promise<readonly OpenErasure[]> {
  const rows = await sql<{ id: string; objectId: string; objectAttempt: number }[]>`
    select verification_id as id, object_id as "objectId", object_attempt as "objectAttempt"
    from verification.kept_documents
    where erasing_since is not null and erased_at is null
      and verification_id > ${after ?? '00000000-0000-0000-0000-000000000000'}::uuid
    order by verification_id
    limit ${limit}`
  return rows.map(({ id, objectId, objectAttempt }) => ({ id, object: { id: objectId, attempt: objectAttempt } }))
}

/** Since when the oldest document that should be gone should be: by retention, or since somebody asked. Null: none should. */
export async function findOldestDue(sql: Sql, retentionDays: number, now: Date): Promise<Date | null> {
  const [row] = await sql<[{ since: Date | null }]>`
    select least(
      (select min(kept_at) + make_interval(days => ${retentionDays}) from verification.kept_documents
       where erasing_since is null and not legal_hold),
      (select min(erasing_since) from verification.kept_documents
       where erasing_since is not null and erased_at is null)
    ) as since`
  return row.since !== null && row.since < now ? row.since : null
}

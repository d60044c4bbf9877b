// The SQL of GET /verify/{id}: a verification, how its verdict came about, and what is kept of its document.
import type { Sql } from '../../shared/database.ts'
import type { InspectionRecord, Verification } from '../../shared/model.ts'
import { type VerificationRow, verificationColumns } from '../../shared/verifications.ts'

/**
 * `inspection`: of the newest attempt; null while there is none, and where a verdict came of no inspection. `duplicateOf`:
 * the verification that answers for this one, whose everything this is but id and time.
 */
export type InspectedVerification = Verification & {
  readonly inspection: (InspectionRecord & { readonly checkedAt: Date }) | null
  /** What there is of the document that it stands on, which may be another verification's. */
  readonly document: 'kept' | 'erased' | 'none'
  readonly duplicateOf: string | null
}

type Row = VerificationRow & {
  rulesVersion: string | null
  checks: InspectionRecord['checks']
  checkedAt: Date
  document: InspectedVerification['document']
  askedSince: Date
}

/** The row of that id, or undefined. */
export async function findInspectedVerification(sql: Sql, id: string): Promise<InspectedVerification | undefined> {
  // In one statement: all as of the same moment.
  const [row] = await sql<Row[]>`
    select ${verificationColumns(sql)}, "rulesVersion", checks, "checkedAt", "askedSince", coalesce((
      select case when erased_at is null then 'kept' else 'erased' end from verification.kept_documents
      where kept_documents.verification_id = verification.document_of(verifications.id)
    ), 'none') as document
    from (
      select coalesce(duplicate_of, id) as answering, created_at as "askedSince" from verification.verifications
      where id = ${id}
    ) as asked
    join verification.verifications on id = answering
    left join lateral (
      select rules_version as "rulesVersion", checks, decided_at as "checkedAt" from verification.attempts
      where attempts.verification_id = verifications.id and attempts.attempt = verifications.attempt
        and rules_version is not null
    ) as inspected on true`
  if (!row) return undefined
  const { rulesVersion, checks, checkedAt, askedSince, ...answering } = row
  return {
    ...answering,
    ...{ id, createdAt: askedSince, duplicateOf: answering.id === id ? null : answering.id },
    inspection: rulesVersion === null ? null : { rulesVersion, checks, checkedAt },
  }
}

// The SQL of GET /verify/{id}: a verification and how its verdict came about.
import type { Sql } from '../../shared/database.ts'
import type { InspectionRecord, Verification } from '../../shared/model.ts'
import { type VerificationRow, verificationColumns } from '../../shared/verifications.ts'

/** `inspection`: of the newest attempt; null while there is none, and where a verdict came of no inspection. */
export type InspectedVerification = Verification & {
  readonly inspection: (InspectionRecord & { readonly checkedAt: Date }) | null
}

type Row = VerificationRow & { rulesVersion: string | null; checks: InspectionRecord['checks']; checkedAt: Date }

/** The row of that id, or undefined. */
export async function findInspectedVerification(sql: Sql, id: string): Promise<InspectedVerification | undefined> {
  // In one statement: both as of the same moment.
  const [row] = await sql<Row[]>`
    select ${verificationColumns(sql)}, "rulesVersion", checks, "checkedAt"
    from verification.verifications
    left join lateral (
      select rules_version as "rulesVersion", checks, decided_at as "checkedAt" from verification.attempts
      where attempts.verification_id = verifications.id and attempts.attempt = verifications.attempt
        and rules_version is not null
    ) as inspected on true
    where id = ${id}`
  if (!row) return undefined
  const { rulesVersion, checks, checkedAt, ...verification } = row
  return { ...verification, inspection: rulesVersion === null ? null : { rulesVersion, checks, checkedAt } }
}

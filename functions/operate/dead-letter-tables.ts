// The SQL of dead letters: what was set aside in the quarantine, and what was done with it. Reads, and adds notes.
import type { Sql } from '../../shared/database.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import type { Handling, LetterFilter, Place } from './dead-letter-requests.ts'
import type { HandlingNote, QuarantinedRecord } from './dead-letters.ts'

type Row = {
  topic: string
  partition: number
  offset: number
  recordedAt: Date
  key: Uint8Array | null
  value: Uint8Array | null
  headers: KafkaRecord['headers']
  reason: string
  quarantinedAt: Date
}

const toQuarantined = ({ reason, quarantinedAt, ...record }: Row): QuarantinedRecord => ({
  record,
  reason,
  setAsideAt: quarantinedAt,
})

/**
 * A page of the quarantine, in the order of its key.
 *
 * @param withBytes otherwise keys, values and headers are left out, since a page of them may not fit memory
 */
export async function findQuarantined(
  sql: Sql,
  filter: LetterFilter,
  page: { readonly after: Place | undefined; readonly limit: number; readonly withBytes: boolean },
): Promise<readonly QuarantinedRecord[]> {
  const { after, limit, withBytes } = page
  const rows = await sql<Row[]>`
    select topic, partition, "offset"::float8 as "offset", recorded_at as "recordedAt", reason,
      quarantined_at as "quarantinedAt",
      case when ${withBytes} then key end as key, case when ${withBytes} then value end as value,
      case when ${withBytes} then headers else '[]' end as headers
    from wallet.quarantine as kept
    where (${filter.reason ?? null}::text is null or position(${filter.reason ?? null}::text in reason) > 0)
      and (${filter.user_id ?? null}::text is null or key = convert_to(${filter.user_id ?? null}::text, 'UTF8'))
      and (${filter.since ?? null}::timestamptz is null or quarantined_at >= ${filter.since ?? null}::timestamptz)
      and (${filter.until ?? null}::timestamptz is null or quarantined_at < ${filter.until ?? null}::timestamptz)
      and (${filter.topic ?? null}::text is null or topic = ${filter.topic ?? null}::text)
      and (${filter.partition ?? null}::integer is null or partition = ${filter.partition ?? null}::integer)
      and (${filter.offset ?? null}::bigint is null or "offset" = ${filter.offset ?? null}::bigint)
      and (${after?.topic ?? null}::text is null or (topic, partition, "offset", recorded_at) >
        (${after?.topic ?? null}::text, ${after?.partition ?? null}::integer, ${after?.offset ?? null}::bigint,
         ${after?.recorded_at ?? null}::timestamptz))
      and (${filter.handled ?? false} or not exists (
        select from operations.handled_dead_letters as handled
        where handled.source = 'quarantine' and handled.topic = kept.topic and handled.partition = kept.partition
          and handled."offset" = kept."offset" and handled.recorded_at = kept.recorded_at))
    order by topic, partition, "offset", recorded_at
    limit ${limit}`
  return rows.map(toQuarantined)
}

const columns = (sql: Sql, places: readonly Place[]) => sql`
    ${places.map(({ topic }) => topic)}::text[],
    ${places.map(({ partition }) => partition)}::integer[],
    ${places.map(({ offset }) => offset)}::bigint[],
    ${places.map(({ recorded_at }) => recorded_at)}::timestamptz[]`

/** Those of the quarantine that stand at these places, whole. */
export async function loadQuarantined(sql: Sql, places: readonly Place[]): Promise<readonly QuarantinedRecord[]> {
  const rows = await sql<Row[]>`
    select topic, partition, "offset"::float8 as "offset", recorded_at as "recordedAt", key, value, headers, reason,
      quarantined_at as "quarantinedAt"
    from unnest(${columns(sql, places)}) as chosen (topic, partition, "offset", recorded_at)
    join wallet.quarantine using (topic, partition, "offset", recorded_at)
    order by topic, partition, "offset", recorded_at`
  return rows.map(toQuarantined)
}

/** What was done with records at these places, oldest first. */
export async function findHandled(
  sql: Sql,
  source: 'quarantine' | 'topic',
  places: readonly Place[],
): Promise<readonly { readonly place: Place; readonly handling: Handling }[]> {
  const rows = await sql<
    (Omit<Place, 'recorded_at'> & { recordedAt: Date; at: Date } & Pick<Handling, 'how' | 'by' | 'because'>)[]
  >`
    select topic, partition, "offset"::float8 as "offset", recorded_at as "recordedAt", handled_how as how,
      handled_by as by, handled_at as at, because
    from unnest(${columns(sql, places)}) as chosen (topic, partition, "offset", recorded_at)
    join operations.handled_dead_letters using (topic, partition, "offset", recorded_at)
    where source = ${source}
    order by handled_at`
  return rows.map(({ topic, partition, offset, recordedAt, how, by, at, because }) => ({
    place: { topic, partition, offset, recorded_at: recordedAt.toISOString() },
    handling: { how, by, at: at.toISOString(), because },
  }))
}

/** Notes what is done with dead letters. One that was noted in that way before stays as it is. */
export async function noteHandled(sql: Sql, note: HandlingNote): Promise<number> {
  const places = note.source === 'queue' ? [] : note.places
  const messageIds = note.source === 'queue' ? note.messageIds : []
  const { count } = await sql`
    insert into operations.handled_dead_letters
      (source, topic, partition, "offset", recorded_at, message_id, handled_how, handled_by, because, handled_at, request_id)
    select ${note.source}, topic, partition, "offset", recorded_at, message_id, ${note.how}, ${note.by},
      ${note.because}, ${note.at}, ${note.requestId}
    from unnest(${columns(sql, places)}, ${[...messageIds]}::text[])
      as handled (topic, partition, "offset", recorded_at, message_id)
    on conflict do nothing`
  return count
}

// The SQL of operations.rate_limits and operations.idempotency_keys. Time is the server's: one clock for every container.
import type { Sql } from '../../shared/database.ts'
import { type Claim, type KeptAnswer, type KeyedRequest, leaseSeconds, rememberedSeconds } from './idempotency.ts'
import type { PostLimit, TakenToken } from './rate-limit.ts'

/**
 * Takes a token in one statement. The bucket is kept as the instant at which it is full again (GCRA): a token puts that
 * off by the time in which one comes in, unless the bucket would then have less than none.
 *
 * Requests of one caller wait for each other's row, never for another caller's.
 */
export async function takeToken(sql: Sql, caller: Uint8Array, limit: PostLimit): Promise<TakenToken> {
  // Whole microseconds, as Postgres counts: k tokens are then exactly k steps.
  const step = Math.round(1e6 / limit.refillPerSecond) / 1e6
  const rest = (limit.capacity - 1) * step
  // Emptier than empty is a bucket of a clock that was set back since, or of a larger limit.
  const longest = limit.capacity * step
  const [bucket] = await sql<[TakenToken]>`
    insert into operations.rate_limits as bucket (caller, full_at, passed)
    values (${caller}, statement_timestamp() + make_interval(secs => ${step}), true)
    on conflict (caller) do update set
      passed = bucket.full_at <= statement_timestamp() + make_interval(secs => ${rest}),
      full_at = case
        when bucket.full_at <= statement_timestamp() + make_interval(secs => ${rest})
        then greatest(bucket.full_at, statement_timestamp()) + make_interval(secs => ${step})
        else least(bucket.full_at, statement_timestamp() + make_interval(secs => ${longest}))
      end
    returning passed, extract(epoch from full_at - statement_timestamp())::float8 as "secondsUntilFull"`
  return bucket
}

/** How often to look again when a row that was in the way is gone at the second look. */
const looks = 3

/**
 * Takes a request for its holder, or tells what became of it. Taken is what is new, what was forgotten, and the same
 * request whose holder has not come back within its lease.
 */
export async function claimKey(sql: Sql, request: KeyedRequest): Promise<Claim> {
  for (let look = 1; look <= looks; look++) {
    const taken = await sql`
      insert into operations.idempotency_keys as known (id, request_sha256, holder, leased_until, expires_at)
      values (
        ${request.id}, ${request.fingerprint}, ${request.holder},
        statement_timestamp() + make_interval(secs => ${leaseSeconds}),
        statement_timestamp() + make_interval(secs => ${rememberedSeconds}))
      on conflict (id) do update set
        request_sha256 = excluded.request_sha256, holder = excluded.holder, leased_until = excluded.leased_until,
        expires_at = excluded.expires_at, status = null, content_type = null, location = null, body = null
      where known.expires_at <= statement_timestamp()
        or (known.status is null and known.leased_until <= statement_timestamp()
          and known.request_sha256 = excluded.request_sha256)
      returning id`
    if (taken.length > 0) return { outcome: 'ours' }
    const [known] = await sql<
      (Omit<KeptAnswer, 'status'> & { status: number | null; isSame: boolean; secondsLeft: number })[]
    >`
      select
        request_sha256 = ${request.fingerprint} as "isSame", status, content_type as "contentType", location, body,
        extract(epoch from leased_until - statement_timestamp())::float8 as "secondsLeft"
      from operations.idempotency_keys where id = ${request.id}`
    if (known && !known.isSame) return { outcome: 'another_request' }
    if (known && known.status !== null) {
      const { status, contentType, location, body } = known
      return { outcome: 'answered', answer: { status, contentType, location, body } }
    }
    if (known) return { outcome: 'in_flight', secondsLeft: known.secondsLeft }
  }
  // Each look met another holder that came to nothing: to the client that is one who works on it.
  return { outcome: 'in_flight', secondsLeft: 1 }
}

/** Keeps the answer, unless somebody else has taken the request over since. */
export async function keepAnswer(sql: Sql, request: KeyedRequest, answer: KeptAnswer): Promise<void> {
  await sql`
    update operations.idempotency_keys
    set status = ${answer.status}, content_type = ${answer.contentType}, location = ${answer.location},
      body = ${answer.body}
    where id = ${request.id} and holder = ${request.holder} and status is null`
}

export async function releaseKey(sql: Sql, request: KeyedRequest): Promise<void> {
  await sql`
    delete from operations.idempotency_keys
    where id = ${request.id} and holder = ${request.holder} and status is null`
}

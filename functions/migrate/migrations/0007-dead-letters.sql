-- What operators did with dead letters, and who. A source itself keeps what it has: records that were set aside are never
-- changed or deleted, a topic cannot be; so what was handled is known from here alone.

create table operations.handled_dead_letters (
  -- `topic`: the dead-letter topic; `queue`: the dead-letter queue.
  source text not null check (source in ('quarantine', 'topic', 'queue')),
  -- Where a record stands in its source: in the quarantine by its own coordinates, in the topic by those that it has there.
  topic text,
  partition integer,
  "offset" bigint,
  recorded_at timestamptz,
  -- Of the queue.
  message_id text,
  handled_how text not null check (handled_how in ('redriven', 'discarded')),
  -- The ARN of who asked, by their own word.
  handled_by text not null,
  -- Why it was discarded.
  because text,
  handled_at timestamptz not null,
  -- The id of the invocation, by which CloudTrail knows who it was.
  request_id text not null,
  check (num_nulls(topic, partition, "offset", recorded_at) = case source when 'queue' then 4 else 0 end),
  check ((source = 'queue') = (message_id is not null)),
  check ((handled_how = 'discarded') = (because is not null)),
  -- Once a way: what was redriven may be discarded later, and both stand.
  unique nulls not distinct (source, topic, partition, "offset", recorded_at, message_id, handled_how)
);

-- Operate shows what was set aside, publishes it again as it was, and notes that. It changes nothing and deletes nothing.
grant select on wallet.quarantine to app_operate;
grant select, insert on operations.handled_dead_letters to app_operate;

-- One reader of an upload at a time. What lies under its name may be replaced by its client until there is a verdict, and the copy
-- that is kept has one name as well: of two who read different bytes, the verdict would be one's and the copy the other's.
-- The release before knows none of it and runs on: it leaves uploads alone.

alter table verification.verifications
  -- Until when whoever began to inspect it may still be at it; of uploads of which no document is known.
  add column read_until timestamptz;

grant update (read_until) on verification.verifications to app_verification;

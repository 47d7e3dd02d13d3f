CREATE TABLE IF NOT EXISTS projection_checkpoints (
    projection text PRIMARY KEY,
    position   bigint NOT NULL,
    chain_hash bytea NOT NULL
);
ALTER TABLE projection_checkpoints ADD COLUMN IF NOT EXISTS topic_offset bigint;

CREATE TABLE IF NOT EXISTS projection_rows (
    projection text NOT NULL,
    kind       text NOT NULL,
    key        text NOT NULL,
    belongs    text NOT NULL DEFAULT '',
    value      jsonb NOT NULL,
    PRIMARY KEY (projection, kind, key)
);
-- With the key, since a group may be so large that it is read a page at a time.
CREATE INDEX IF NOT EXISTS projection_rows_group ON projection_rows (projection, kind, belongs, key);
DROP INDEX IF EXISTS projection_rows_belongs;

-- What is forgotten by the clock is found without looking at the rest.
CREATE INDEX IF NOT EXISTS projection_rows_forget ON projection_rows (projection, ((value->>'forget_at_us')::bigint))
    WHERE value ? 'forget_at_us';

-- Rows whose values are of several kinds are gone through kind by kind without looking at the others.
CREATE INDEX IF NOT EXISTS projection_rows_sort ON projection_rows (projection, kind, (value->>'kind'), key)
    WHERE value ? 'kind';

-- Where a projection's rows, checkpoint and parked events stand after a rebuild: under another name than its own. What a
-- rebuild has made so far stands under `building`, what it has replaced and not yet removed under `leaving`. A process of
-- a release that knows no places finds no checkpoint under the projection's own name, and begins anew there.
CREATE TABLE IF NOT EXISTS projection_places (
    projection text PRIMARY KEY,
    place      text NOT NULL,
    building   text,
    leaving    text
);

CREATE TABLE IF NOT EXISTS projection_parked (
    projection text NOT NULL,
    position   bigint NOT NULL,
    stream     text NOT NULL,
    row        bytea NOT NULL,
    reason     text NOT NULL,
    PRIMARY KEY (projection, position)
);

CREATE TABLE IF NOT EXISTS log_readers (
    name          text PRIMARY KEY,
    applied       bigint NOT NULL,
    max_staleness bigint NOT NULL,
    seen_at       bigint NOT NULL,
    parked        text[] NOT NULL
);

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
CREATE INDEX IF NOT EXISTS projection_rows_belongs ON projection_rows (projection, kind, belongs);

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

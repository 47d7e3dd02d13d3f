CREATE TABLE IF NOT EXISTS keys (
    key_id  text PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- What is kept for a while, for all processes: authorization requests, and what may be used just once. Times are the log's, in microseconds.
CREATE TABLE IF NOT EXISTS kept (
    kind       text NOT NULL,
    key        bytea NOT NULL,
    value      bytea NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS kept_expires_at ON kept (expires_at);

-- Attempts that limits count, over all processes. Losing them in a crash lets a few more attempts through.
CREATE UNLOGGED TABLE IF NOT EXISTS attempts (
    key text PRIMARY KEY,
    count bigint NOT NULL,
    ends_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_ends_at ON attempts (ends_at);

-- Identity's tables beside its log and its projections. Written so that it can be applied over any earlier form of itself.

-- Attempts that limits count, over all processes. Losing them in a crash lets a few more attempts through.
CREATE UNLOGGED TABLE IF NOT EXISTS attempts (
    key text PRIMARY KEY,
    count bigint NOT NULL,
    ends_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_ends_at ON attempts (ends_at);

-- When a session was last used, to about a minute: never an event.
CREATE TABLE IF NOT EXISTS sessions_seen (
    session_id text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_seen_at ON sessions_seen (seen_at);

-- What may be used just once, for all processes: proofs that an application holds the key of its token. Times are the log's, in microseconds.
CREATE TABLE IF NOT EXISTS kept (
    kind       text NOT NULL,
    key        bytea NOT NULL,
    value      bytea NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS kept_expires_at ON kept (expires_at);

CREATE TABLE IF NOT EXISTS keys (
    key_id  text PRIMARY KEY,
    wrapped bytea NOT NULL
);

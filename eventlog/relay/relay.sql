CREATE TABLE IF NOT EXISTS relay (
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    position       bigint NOT NULL DEFAULT 0,
    chain_hash     bytea  NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    level_at       bigint NOT NULL DEFAULT 0,
    holder         text   NOT NULL DEFAULT '',
    seen_at        bigint NOT NULL DEFAULT 0,
    trouble        text   NOT NULL DEFAULT '',
    detail         text   NOT NULL DEFAULT '',
    republish_from bigint
);
INSERT INTO relay DEFAULT VALUES ON CONFLICT DO NOTHING;

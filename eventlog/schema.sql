-- One service's log. Written so that it can be applied over any earlier form of itself (eventlog/migrate.py).

CREATE TABLE IF NOT EXISTS eventlog.events (
    position bigint PRIMARY KEY,
    stream text NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    time timestamptz NOT NULL,
    command_id text NOT NULL,
    actor text NOT NULL,
    correlation_id text NOT NULL,
    body bytea NOT NULL,
    sealed bytea,
    sealed_hash bytea NOT NULL,
    chain_hash bytea NOT NULL
);

-- For loading a stream and finding its version. What makes versions unique is the lock in eventlog.append, so this index may
-- become a plain one where the table is partitioned by position; until then it is a belt to those braces.
CREATE UNIQUE INDEX IF NOT EXISTS events_stream_version ON eventlog.events (stream, version);

-- Keys of people (and the service's own), wrapped by the service's key-encryption key. Deleting one erases the person.
CREATE TABLE IF NOT EXISTS eventlog.seal_keys (
    owner text PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- Folded states; disposable.
CREATE TABLE IF NOT EXISTS eventlog.snapshots (
    stream text PRIMARY KEY,
    version bigint NOT NULL,
    schema text NOT NULL,
    state bytea NOT NULL
);

-- When it was kept: one that is not kept anew is of a stream that has ended, or is hardly used.
ALTER TABLE eventlog.snapshots ADD COLUMN IF NOT EXISTS kept_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX IF NOT EXISTS snapshots_kept_at ON eventlog.snapshots (kept_at);

-- Deletes some of those that were not kept anew for longer than any stream that is snapshotted is used; how many. What the
-- running role may delete is no more than that.
CREATE OR REPLACE FUNCTION eventlog.sweep_snapshots() RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM eventlog.snapshots WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM eventlog.snapshots WHERE kept_at < now() - interval '31 days'
            LIMIT 1000 FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION eventlog.sweep_snapshots FROM PUBLIC;

-- Which log this is: made once, so that a topic of another log is told apart.
CREATE TABLE IF NOT EXISTS eventlog.log_id (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO eventlog.log_id DEFAULT VALUES ON CONFLICT DO NOTHING;

-- The log for people, in psql. json rather than jsonb, which refuses \u0000.
CREATE OR REPLACE VIEW eventlog.readable AS
SELECT position, time, type, stream, version, actor, correlation_id,
       convert_from(body, 'UTF8')::json AS body, encode(chain_hash, 'hex') AS hash
FROM eventlog.events;

-- Appends a batch of commands, each together or not at all.
--
-- A command is ids[c], actors[c], correlations[c], sizes[c] (its number of events) and first_claims[c], its first claim.
-- A claim says at which version the command saw a stream, and how many events it adds to it (0: a guard); a command's claims are
-- contiguous and name each stream once, its first write first. claim_streams are indices into `streams`, where each is named once.
-- Events are contiguous by command and by claim, in order.
--
-- firsts[c] is the position of the command's first event, NULL where it has to decide again; times[c] is when, in microseconds.
-- moved_claims are the claims that no longer hold, with the versions now. now_us is the log's time.
CREATE OR REPLACE FUNCTION eventlog.append(
    ids text[], actors text[], correlations text[], sizes int[], first_claims int[],
    streams text[],
    claim_commands int[], claim_streams int[], claim_versions bigint[], claim_sizes int[],
    event_claims int[], event_versions bigint[], event_types text[], event_bodies bytea[], event_sealed bytea[],
    OUT firsts bigint[], OUT times bigint[], OUT moved_claims int[], OUT moved_versions bigint[], OUT now_us bigint
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Planned once, not for every batch; and a plan made while the table was small must not scan it once it is not.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    commands int;
    head_position bigint;
    head_time timestamptz;
    hash bytea;
    now_is timestamptz;
    versions bigint[];
    accepted boolean[];
    holds boolean;
    last_claim int;
    old record;
    following bigint;
    kept int[];
    piece bytea;
    pieces bytea[];
    hashes bytea[] := '{}';
BEGIN
    -- First, and alone: what was read before the wait for the lock would be out of date after it.
    PERFORM pg_advisory_xact_lock(7310863911);
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'eventlog.append needs READ COMMITTED';
    END IF;
    commands := cardinality(ids);

    SELECT e.position, e.time, e.chain_hash INTO head_position, head_time, hash
    FROM eventlog.events e ORDER BY e.position DESC LIMIT 1;
    head_position := coalesce(head_position, 0);
    hash := coalesce(hash, decode(repeat('00', 32), 'hex'));
    now_is := greatest(head_time, clock_timestamp());
    now_us := extract(epoch FROM now_is) * 1000000;
    firsts := array_fill(NULL::bigint, ARRAY[commands]);
    times := array_fill(now_us, ARRAY[commands]);

    SELECT array_agg(coalesce((SELECT e.version FROM eventlog.events e WHERE e.stream = s.stream
                               ORDER BY e.version DESC LIMIT 1), 0) ORDER BY s.n)
    INTO versions FROM unnest(streams) WITH ORDINALITY s(stream, n);

    SELECT array_agg(decided.holds ORDER BY decided.command) INTO accepted
    FROM (SELECT c.command, bool_and(versions[c.stream] = c.version) AS holds
          FROM unnest(claim_commands, claim_streams, claim_versions) c(command, stream, version)
          GROUP BY c.command) decided;

    IF false = ANY (accepted) THEN  -- one that was sent before and committed is answered as it was then
        FOR old IN
            SELECT c.command, e.position, e.time
            FROM unnest(ids, first_claims) WITH ORDINALITY c(id, claim, command)
            JOIN eventlog.events e ON e.stream = streams[claim_streams[c.claim]]
                AND e.version = claim_versions[c.claim] + 1 AND e.command_id = c.id
            WHERE versions[claim_streams[c.claim]] > claim_versions[c.claim]
        LOOP
            firsts[old.command] := old.position;
            times[old.command] := extract(epoch FROM old.time) * 1000000;
        END LOOP;
    END IF;

    IF EXISTS (SELECT FROM unnest(claim_streams, claim_sizes) c(stream, size)
               GROUP BY c.stream HAVING count(*) > 1 AND max(c.size) > 0) THEN
        FOR command IN 1 .. commands LOOP  -- what an earlier one writes, a later one has not seen
            last_claim := coalesce(first_claims[command + 1] - 1, cardinality(claim_streams));
            holds := firsts[command] IS NULL;
            FOR claim IN first_claims[command] .. last_claim LOOP
                holds := holds AND versions[claim_streams[claim]] = claim_versions[claim];
            END LOOP;
            accepted[command] := holds;
            IF holds THEN
                FOR claim IN first_claims[command] .. last_claim LOOP
                    versions[claim_streams[claim]] := claim_versions[claim] + claim_sizes[claim];
                END LOOP;
            END IF;
        END LOOP;
    END IF;

    following := head_position + 1;
    FOR command IN 1 .. commands LOOP
        IF accepted[command] THEN
            firsts[command] := following;
            following := following + sizes[command];
        END IF;
    END LOOP;
    IF false = ANY (accepted) THEN
        SELECT array_agg(c.claim ORDER BY c.claim), array_agg(versions[c.stream] ORDER BY c.claim)
        INTO moved_claims, moved_versions
        FROM unnest(claim_commands, claim_streams, claim_versions) WITH ORDINALITY c(command, stream, version, claim)
        WHERE firsts[c.command] IS NULL AND versions[c.stream] <> c.version;
    END IF;

    SELECT array_agg(e.n ORDER BY e.n) INTO kept
    FROM unnest(event_claims) WITH ORDINALITY e(claim, n) WHERE accepted[claim_commands[e.claim]];
    IF kept IS NULL THEN
        RETURN;
    END IF;

    -- RULES 1: each field is a 4-byte big-endian length and its bytes. What follows the previous hash, for all rows at once:
    SELECT array_agg(
        '\x00000008'::bytea || int8send(head_position + r.k)
        || int4send(octet_length(r.stream)) || convert_to(r.stream, 'UTF8')
        || '\x00000008'::bytea || int8send(event_versions[r.n])
        || int4send(octet_length(event_types[r.n])) || convert_to(event_types[r.n], 'UTF8')
        || '\x00000008'::bytea || int8send(now_us)
        || int4send(octet_length(ids[r.command])) || convert_to(ids[r.command], 'UTF8')
        || int4send(octet_length(actors[r.command])) || convert_to(actors[r.command], 'UTF8')
        || int4send(octet_length(correlations[r.command])) || convert_to(correlations[r.command], 'UTF8')
        || int4send(octet_length(event_bodies[r.n])) || event_bodies[r.n]
        || CASE WHEN event_sealed[r.n] IS NULL THEN '\x00000000'::bytea
                ELSE '\x00000020'::bytea || sha256(event_sealed[r.n]) END
        ORDER BY r.k)
    INTO pieces
    FROM (SELECT n, k, claim_commands[event_claims[n]] AS command, streams[claim_streams[event_claims[n]]] AS stream
          FROM unnest(kept) WITH ORDINALITY AS kept(n, k)) r;
    FOREACH piece IN ARRAY pieces LOOP
        hash := sha256('\x00000020'::bytea || hash || piece);
        hashes := hashes || hash;
    END LOOP;

    INSERT INTO eventlog.events (position, stream, version, type, time, command_id, actor, correlation_id, body, sealed,
                                 sealed_hash, chain_hash)
    SELECT head_position + r.k, r.stream, event_versions[r.n], event_types[r.n], now_is,
           ids[r.command], actors[r.command], correlations[r.command], event_bodies[r.n], event_sealed[r.n],
           coalesce(sha256(event_sealed[r.n]), ''), hashes[r.k]
    FROM (SELECT n, k, claim_commands[event_claims[n]] AS command, streams[claim_streams[event_claims[n]]] AS stream
          FROM unnest(kept) WITH ORDINALITY AS kept(n, k)) r
    ORDER BY r.k;
    PERFORM pg_notify('eventlog', (head_position + cardinality(kept))::text);
END
$$;
REVOKE ALL ON FUNCTION eventlog.append FROM PUBLIC;

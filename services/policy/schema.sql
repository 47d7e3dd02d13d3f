-- Policy's tables beside its log and its projections. Written so that it can be applied over any earlier form of itself.

-- What was asked lately, each question once, for dry runs of other rules: never an event. Times are the log's, in microseconds.
CREATE TABLE IF NOT EXISTS asked_questions (
    digest   bytea PRIMARY KEY,
    question bytea NOT NULL,
    asked_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS asked_questions_asked_at ON asked_questions (asked_at);

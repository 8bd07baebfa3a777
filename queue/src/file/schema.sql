-- Version 2, as PRAGMA user_version says. Times are unix milliseconds, durations microseconds.

-- One row for each queue ever used, with its counters.
CREATE TABLE queues (
    row          INTEGER PRIMARY KEY,
    worker       TEXT NOT NULL,
    command      TEXT NOT NULL,
    variant      TEXT NOT NULL,             -- empty where instances share the queue
    ready        INTEGER NOT NULL DEFAULT 0,
    scheduled    INTEGER NOT NULL DEFAULT 0,
    running      INTEGER NOT NULL DEFAULT 0,
    dead         INTEGER NOT NULL DEFAULT 0,
    ended        INTEGER NOT NULL DEFAULT 0,
    keys         INTEGER NOT NULL DEFAULT 0,
    live_bytes   INTEGER NOT NULL DEFAULT 0,
    dead_bytes   INTEGER NOT NULL DEFAULT 0,
    ended_bytes  INTEGER NOT NULL DEFAULT 0,
    key_bytes    INTEGER NOT NULL DEFAULT 0,
    dead_dropped INTEGER NOT NULL DEFAULT 0,
    retried      INTEGER NOT NULL DEFAULT 0,
    done         INTEGER NOT NULL DEFAULT 0,
    last_due     INTEGER,
    is_paused    INTEGER NOT NULL DEFAULT 0,
    jobs_news    INTEGER NOT NULL DEFAULT 0, -- grows when consumers elsewhere should look
    ends_news    INTEGER NOT NULL DEFAULT 0, -- grows when jobs end
    -- Since version 2: how long lost jobs wait, as who leased from the queue last said.
    backoff_min  INTEGER,
    backoff_max  INTEGER,
    UNIQUE (worker, command, variant)
) STRICT;

CREATE TABLE jobs (
    place          INTEGER PRIMARY KEY,     -- the order of enqueueing
    queue          INTEGER NOT NULL,
    id             BLOB NOT NULL,
    state          INTEGER NOT NULL,        -- 0 ready, 1 scheduled, 2 running, 3 dead, 4 ended,
                                            -- 5 set aside: not readable
    rank           INTEGER NOT NULL,        -- priority, due, end of lease, death, when to forget
    attempt        INTEGER NOT NULL,        -- number of the newest run; only grows
    uncounted      INTEGER NOT NULL,        -- runs that do not count against the attempts
    tries          INTEGER NOT NULL,        -- attempts it has, as who leased it last said
    enqueued       INTEGER NOT NULL,
    since          INTEGER NOT NULL,        -- of its state; of a scheduled job when it is due
    priority       INTEGER NOT NULL,
    caller         TEXT NOT NULL,
    caller_variant TEXT NOT NULL,
    codec          INTEGER NOT NULL,
    body           BLOB,                    -- NULL when it is in `bodies`, or the job has ended
    body_bytes     INTEGER NOT NULL,
    key            TEXT,
    trace          BLOB,
    start_after    INTEGER,
    start_at       INTEGER,
    dedupe_key     TEXT,
    dedupe_window  INTEGER,
    attempts       INTEGER,
    run_timeout    INTEGER,
    consumer       TEXT,
    history        TEXT,                    -- JSON; NULL when nothing failed yet
    bytes          INTEGER NOT NULL,        -- what it is counted with
    reply_codec    INTEGER,
    reply          BLOB,
    is_canceled    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX jobs_by_id ON jobs (queue, id);
CREATE INDEX jobs_by_rank ON jobs (queue, state, rank);

-- Large bodies.
CREATE TABLE bodies (place INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;

-- Dedupe keys whose window is open, and the first job of each.
CREATE TABLE dedupe (
    queue  INTEGER NOT NULL,
    key    TEXT NOT NULL,
    id     BLOB NOT NULL,
    closes INTEGER NOT NULL,
    PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX dedupe_by_end ON dedupe (queue, closes);

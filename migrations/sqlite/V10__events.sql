-- What happened. The id is a version 7 UUID, so that its order is that of time.

CREATE TABLE events (
    -- In the order of writing, never used again: for who follows.
    place      INTEGER PRIMARY KEY AUTOINCREMENT,
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    user_id    BLOB CHECK (length(user_id) = 16),
    session_id BLOB CHECK (length(session_id) = 16),
    app        TEXT,
    address    TEXT,
    agent      TEXT,
    by_whom    TEXT NOT NULL,
    reason     TEXT,
    detail     TEXT,
    request_id TEXT,
    -- How many of the same kind it stands for.
    count      INTEGER NOT NULL
) STRICT;

CREATE INDEX events_of_user ON events (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX events_of_user_and_kind ON events (user_id, kind, id) WHERE user_id IS NOT NULL;
CREATE INDEX events_of_session ON events (session_id, id) WHERE session_id IS NOT NULL;
CREATE INDEX events_of_kind ON events (kind, id);

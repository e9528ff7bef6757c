-- What happened. The id is a version 7 UUID, so that its order is that of time.

CREATE TABLE events (
    id         uuid PRIMARY KEY,
    -- In the order of writing, but for those written at the same moment: for who follows.
    place      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    at         bigint NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    user_id    uuid,
    session_id bytea CHECK (octet_length(session_id) = 16),
    app        text,
    address    text,
    agent      text,
    by_whom    text NOT NULL,
    reason     text,
    detail     text,
    request_id text,
    -- How many of the same kind it stands for.
    count      bigint NOT NULL
);

CREATE INDEX events_of_user ON events (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX events_of_user_and_kind ON events (user_id, kind, id) WHERE user_id IS NOT NULL;
CREATE INDEX events_of_session ON events (session_id, id) WHERE session_id IS NOT NULL;
CREATE INDEX events_of_kind ON events (kind, id);

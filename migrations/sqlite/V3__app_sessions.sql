-- Sessions that other app servers keep here, for the home that keeps them beside the accounts.
--
-- With a row id: data can be long, and a table without one would carry it in the tree of the keys.

CREATE TABLE app_sessions (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    app          TEXT NOT NULL,
    -- As the app names its users; no account of this server.
    user_id      TEXT NOT NULL,
    ip           TEXT NOT NULL,
    -- A flat JSON object.
    data         TEXT NOT NULL,
    reads        INTEGER NOT NULL,
    -- The version as well.
    writes       INTEGER NOT NULL,
    ttl          INTEGER NOT NULL,
    is_fixed     INTEGER NOT NULL CHECK (is_fixed IN (0, 1)),
    -- No use lengthens its life beyond this; NULL = any does.
    ends_at      INTEGER,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX app_sessions_of_user ON app_sessions (app, user_id, last_seen_at DESC, id);
CREATE INDEX app_sessions_of_app ON app_sessions (app, last_seen_at DESC, id);

-- Of each user's living sessions the most recently active one: when it was, and when it is over. Users
-- are counted here, for to count them among their sessions would take as long as there are sessions.
CREATE TABLE app_users (
    app       TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    active_at INTEGER NOT NULL,
    ends_at   INTEGER NOT NULL,
    PRIMARY KEY (app, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX app_users_by_activity ON app_users (app, active_at, ends_at);

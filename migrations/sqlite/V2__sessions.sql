-- Sessions and revocations, for the home that keeps them beside the accounts.
--
-- Users and apps are not referenced: ending a session is the server's to decide, with a reason,
-- and a cascade would end it without one.

CREATE TABLE sessions (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id      BLOB NOT NULL CHECK (length(user_id) = 16),
    app          TEXT NOT NULL,
    device       TEXT,
    ip           TEXT,
    user_agent   TEXT,
    -- The current refresh generation, when it was first issued, when it was first seen in use.
    generation   INTEGER NOT NULL,
    issued_at    INTEGER NOT NULL,
    confirmed_at INTEGER,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- NULL = alive until expires_at; else the row stays until then only to tell the reason.
    end_reason   TEXT
) STRICT, WITHOUT ROWID;

-- No index holds expires_at: every refresh would move its entry. The cleaner walks the table.
CREATE INDEX sessions_of_user ON sessions (user_id) WHERE end_reason IS NULL;
CREATE INDEX sessions_of_app ON sessions (app, last_seen_at DESC, id) WHERE end_reason IS NULL;

CREATE TABLE revocations (
    kind    TEXT NOT NULL CHECK (kind IN ('token', 'session', 'user')),
    -- The id as it is written everywhere else.
    subject TEXT NOT NULL,
    reason  TEXT NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX revocations_until ON revocations (until);

-- Accounts and apps. Ids are 16 bytes, times are milliseconds since the Unix epoch, UTC.

CREATE TABLE users (
    id            BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    username      TEXT NOT NULL,
    -- What names are compared by: lower case, NFKC. Computed by the server, so that every home has
    -- the same names.
    username_key  TEXT NOT NULL UNIQUE,
    email         TEXT,
    -- Separated by a space, which no role holds.
    roles         TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    password_hash TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE apps (
    name          TEXT NOT NULL PRIMARY KEY,
    -- NULL = a public app, which has no secret.
    secret_sha256 BLOB CHECK (length(secret_sha256) = 32),
    -- Separated by a space, which no origin holds.
    origins       TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO apps (name, origins, created_at) VALUES ('default', '', unixepoch() * 1000);

-- Accounts and apps. Ids are 16 bytes, times are milliseconds since the Unix epoch, UTC.

CREATE TABLE users (
    id            BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    username      TEXT NOT NULL,
    -- What names are compared by: lower case, NFKC. The database does not compute it: it has no NFKC.
    username_key  TEXT NOT NULL UNIQUE,
    email         TEXT,
    status        TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    password_hash TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_roles (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE apps (
    name          TEXT NOT NULL PRIMARY KEY,
    -- NULL = a public app, which has no secret.
    secret_sha256 BLOB CHECK (length(secret_sha256) = 32),
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE app_origins (
    app    TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    origin TEXT NOT NULL,
    PRIMARY KEY (app, origin)
) STRICT, WITHOUT ROWID;

INSERT INTO apps (name, created_at) VALUES ('default', unixepoch() * 1000);

-- What accounts prove themselves by besides their passwords, and by what a session's owner did.

CREATE TABLE factors (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL,
    -- What a proof is checked against, sealed by a key of sealing.secret.
    sealed       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    -- NULL = its owner has not shown yet that it works: it counts for nothing.
    confirmed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX factors_of_user ON factors (user_id);
CREATE UNIQUE INDEX factors_to_be_confirmed ON factors (user_id, kind) WHERE confirmed_at IS NULL;
CREATE UNIQUE INDEX factors_totp ON factors (user_id) WHERE kind = 'totp' AND confirmed_at IS NOT NULL;

-- The codes that are left: SHA-256 of 120 random bits each.
CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

-- The words of what was proved at the sign-in; NULL = a password.
ALTER TABLE sessions ADD COLUMN proved TEXT;

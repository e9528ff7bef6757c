-- What accounts prove themselves by besides their passwords.

CREATE TABLE factors (
    id           bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         text COLLATE "C" NOT NULL,
    -- What a proof is checked against, sealed by a key of sealing.secret.
    sealed       text NOT NULL,
    created_at   bigint NOT NULL,
    -- NULL = its owner has not shown yet that it works: it counts for nothing.
    confirmed_at bigint
);

CREATE INDEX factors_of_user ON factors (user_id);
CREATE UNIQUE INDEX factors_to_be_confirmed ON factors (user_id, kind) WHERE confirmed_at IS NULL;
CREATE UNIQUE INDEX factors_totp ON factors (user_id) WHERE kind = 'totp' AND confirmed_at IS NOT NULL;

-- The codes that are left: SHA-256 of 120 random bits each.
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (user_id, hash)
);

-- Accounts and apps. Times are milliseconds since the Unix epoch, UTC.

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    username      text NOT NULL,
    -- What names are compared by: lower case, NFKC. Computed by the server, so that every home has
    -- the same names; the collation compares bytes, as a key's comparison should.
    username_key  text COLLATE "C" NOT NULL UNIQUE,
    email         text,
    roles         text[] NOT NULL,
    status        text NOT NULL CHECK (status IN ('active', 'disabled')),
    password_hash text NOT NULL,
    created_at    bigint NOT NULL
);

CREATE TABLE apps (
    name          text COLLATE "C" PRIMARY KEY,
    -- NULL = a public app, which has no secret.
    secret_sha256 bytea CHECK (octet_length(secret_sha256) = 32),
    origins       text[] NOT NULL,
    created_at    bigint NOT NULL
);

INSERT INTO apps (name, origins, created_at)
VALUES ('default', '{}', (extract(epoch FROM now()) * 1000)::bigint);

-- What all nodes of an installation must agree on, a row each.
--
-- `refresh_secret`: the fingerprint of keys/refresh.secret, which makes no token genuine. A node that
-- has another secret does not start.

CREATE TABLE installation (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was spent that is good once: links, codes, challenges, sign-in attempts. A row stays as long as what it guards.

CREATE TABLE once (
    -- A hash of what was spent.
    key     BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    until   INTEGER NOT NULL,
    -- What became of it.
    outcome TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX once_until ON once (until);

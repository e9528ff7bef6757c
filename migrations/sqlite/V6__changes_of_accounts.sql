-- What an operator may change of an account.

-- From when on the roles are these, in whole seconds as in a token; 0 = since the account was made.
ALTER TABLE users ADD COLUMN roles_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN email_verified INTEGER NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1));

-- Whose tokens of before a change of roles are refused. Beside the revocations and not among them: a user
-- may be refused as a whole too, and the end of one is not the end of the other.
CREATE TABLE outdated_users (
    -- The id as it is written everywhere else.
    subject       TEXT NOT NULL PRIMARY KEY,
    -- In whole seconds.
    issued_before INTEGER NOT NULL,
    until         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX outdated_users_until ON outdated_users (until);

-- What an operator may change of an account.

-- From when on the roles are these, in whole seconds as in a token; 0 = since the account was made.
ALTER TABLE users ADD COLUMN roles_at bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN email_verified boolean NOT NULL DEFAULT false;

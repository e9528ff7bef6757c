-- Nothing to make: where accounts live in PostgreSQL, sessions and revocations live in Redis. The step
-- is here so that both databases have the same steps under the same names.

COMMENT ON TABLE users IS 'Accounts of Keyward; their sessions are in Redis';

-- Nothing to make: where accounts live in PostgreSQL, sessions live in Redis. The step is here so that both
-- databases have the same steps under the same names.

COMMENT ON COLUMN users.id IS 'The sub of their tokens';

-- Nothing to make: where accounts live in PostgreSQL, sessions live in Redis. The step is here so that both databases
-- have the same steps under the same names.

COMMENT ON TABLE installation IS 'What all nodes of Keyward must agree on';

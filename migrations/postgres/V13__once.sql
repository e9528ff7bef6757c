-- Nothing to make: where accounts live in PostgreSQL, what was spent lives in Redis, so that no restored copy of the
-- accounts makes it good again. The step is here so that both databases have the same steps under the same names.

COMMENT ON TABLE installation IS 'What all nodes of Keyward must agree on';

-- Nothing to make: where accounts live in PostgreSQL, the sessions that other app servers keep here
-- live in Redis. The step is here so that both databases have the same steps under the same names.

COMMENT ON TABLE apps IS 'Apps that use Keyward; the sessions they keep are in Redis';

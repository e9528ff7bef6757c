-- Writes a session's hash with its expiry; does nothing where there is a hash already, so that a retry after a
-- lost answer cannot bring back a session that was ended in between.
-- KEYS[1] session:<id>   ARGV: 1 the session's life in ms   2.. fields and values
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 2))
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1

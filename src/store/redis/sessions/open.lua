-- Writes a session's hash with its expiry, and where all keys are on one server that of its first refresh
-- token; does nothing where there is a hash already, so that a retry after a lost answer cannot bring back a
-- session that was ended in between.
-- KEYS: 1 session:<id>   2 refresh:<…>, if it is on this server
-- ARGV: 1 the session's life in ms   2 its id   3.. fields and values
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  if KEYS[2] then redis.call('SETEX', KEYS[2], math.ceil(ARGV[1] / 1000), ARGV[2]) end
end
return 1

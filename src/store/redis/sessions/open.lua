-- Writes a session's hash with its expiry, and where all keys are on one server that of its first refresh
-- token; does nothing where there is a hash already, so that a retry after a lost answer cannot bring back a
-- session that was ended in between.
-- KEYS: 2 refresh:<…>, if it is on this server
-- ARGV: 5 the session's life in ms   6.. fields and values
local life = ARGV[5]
if next(record) then return {'known'} end
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
redis.call('PEXPIRE', KEYS[1], life)
if KEYS[2] then redis.call('SETEX', KEYS[2], math.ceil(life / 1000), id) end
return {'opened'}

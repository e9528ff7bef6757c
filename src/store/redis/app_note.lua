-- Notes that a user was active in a session that ends then. A user has two entries, of the most recently
-- active of their living sessions: 'u' and user by its activity, 'e' and user by its end, negative.
-- KEYS[1] activity:app:<app>   ARGV: 1 user   2 activity   3 end   4 life of the key. All times in ms.
local active, seen, ends = redis.call('ZSCORE', KEYS[1], 'u' .. ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if active and tonumber(active) > seen then return 0 end
if active and tonumber(active) == seen then
  ends = math.max(ends, -tonumber(redis.call('ZSCORE', KEYS[1], 'e' .. ARGV[1]) or 0))
end
redis.call('ZADD', KEYS[1], seen, 'u' .. ARGV[1], -ends, 'e' .. ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1

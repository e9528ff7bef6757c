-- Counts the users active since then. The count holds only if nobody is told of: of those users the
-- latest session is over, and an older one may live.
-- KEYS[1] activity:app:<app>   ARGV: 1 since   2 now   3 how many to tell of. All times in ms.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], -tonumber(ARGV[2]), '(0', 'LIMIT', 0, ARGV[3])
return {redis.call('ZCOUNT', KEYS[1], ARGV[1], '+inf'), due}

-- Counts the users active since then. The count holds only if nobody is told of: of those users the
-- latest session is over, and an older one may live.
-- KEYS[1] sessions:app:<app>/data   ARGV: 1 since   2 now   3 how many to tell of   4 distance of the
--       users' scores. All times in ms.
local apart = tonumber(ARGV[4])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], -apart - tonumber(ARGV[2]), -apart, 'LIMIT', 0, ARGV[3])
return {redis.call('ZCOUNT', KEYS[1], apart + tonumber(ARGV[1]), '+inf'), due}

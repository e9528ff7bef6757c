-- Writes a revocation. A second one on the same subject lengthens it, and keeps the first reason; one
-- without expiry, by another hand, stays as it is.
-- KEYS[1] blacklist:…   ARGV: 1 reason   2 its life in ms
local reason, left, life = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), tonumber(ARGV[2])
if reason and left == -1 then return 1 end
if left > life then life = left end
redis.call('SET', KEYS[1], reason or ARGV[1], 'PX', life)
return 1

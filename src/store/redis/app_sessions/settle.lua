-- Sets what is known of a user's activity, unless it has changed since it was read. Never makes the key:
-- who has no entry has nothing to be settled.
-- KEYS[1] sessions:app:<app>/data   ARGV: 1 user   2, 3 both scores as read   4, 5 as they are, '' = none
local active, over = '+' .. ARGV[1], '=' .. ARGV[1]
local known = redis.call('ZMSCORE', KEYS[1], active, over)
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3] then return 0 end
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[1], active, over)
else
  redis.call('ZADD', KEYS[1], ARGV[4], active, ARGV[5], over)
end
return 1

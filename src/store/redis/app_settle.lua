-- Sets what is known of a user's activity, unless it has changed since it was read. Never makes the key:
-- who has no entry has nothing to be settled.
-- KEYS[1] activity:app:<app>   ARGV: 1 user   2, 3 activity and end as read   4, 5 as they are, '' = none
local known = redis.call('ZMSCORE', KEYS[1], 'u' .. ARGV[1], 'e' .. ARGV[1])
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3] then return 0 end
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[1], 'u' .. ARGV[1], 'e' .. ARGV[1])
else
  redis.call('ZADD', KEYS[1], ARGV[4], 'u' .. ARGV[1], -tonumber(ARGV[5]), 'e' .. ARGV[1])
end
return 1

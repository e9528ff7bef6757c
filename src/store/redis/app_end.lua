-- Ends an app's session: its expiry is the beginning of time, so that nobody finds it alive. What is
-- left of it says whose it was, until what leads to it is gone too.
-- KEYS[1] session:<id>   ARGV: 1 app   2 now in ms   3 'any', 'over' = only where its time is over
local s = redis.call('HMGET', KEYS[1], 'A', 'U', 'E', 'L')
if s[1] ~= ARGV[1] then return {'unknown'} end
local expires = tonumber(s[3])
local is_alive = expires > tonumber(ARGV[2])
if is_alive and ARGV[3] == 'over' then return {'alive', s[2], expires} end
redis.call('HSET', KEYS[1], 'E', 0)
return {is_alive and 'now' or 'before', s[2], tonumber(s[4])}

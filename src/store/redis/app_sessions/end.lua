-- Ends an app's session: its expiry is the beginning of time, so that nobody finds it alive. What is
-- left of it says whose it was, until what leads to it is gone too.
-- KEYS[1] session:<id>   ARGV: 1 app   2 now in ms   3 'any', 'over' = only where its time is over
--       4 the call's own mark, by which it knows, when it is sent once more after a broken connection,
--       that the end it meets is its own
local s = redis.call('HMGET', KEYS[1], 'A', 'U', 'E', 'L', 'Y')
if s[1] ~= ARGV[1] then return {'unknown'} end
local expires = tonumber(s[3])
local is_alive = expires > tonumber(ARGV[2])
if is_alive and ARGV[3] == 'over' then return {'alive', s[2], expires} end
local is_now = is_alive or s[5] == ARGV[4]
if is_alive then redis.call('HSET', KEYS[1], 'E', 0, 'Y', ARGV[4]) else redis.call('HSET', KEYS[1], 'E', 0) end
return {is_now and 'now' or 'before', s[2], tonumber(s[4])}

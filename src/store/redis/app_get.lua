-- Counts a read of an app's session and begins its life anew; tells what it was before. Neither time
-- goes back: of two nodes whose clocks differ, the later one stays.
-- KEYS[1] session:<id>   ARGV: 1 app   2 now in ms
local s = redis.call('HMGET', KEYS[1], 'A', 'E', 'T', 'M', 'L')
local now = tonumber(ARGV[2])
if s[1] ~= ARGV[1] or tonumber(s[2]) <= now then return {'gone'} end
local before = redis.call('HGETALL', KEYS[1])
local expires = now + tonumber(s[3])
if s[4] then expires = math.min(expires, tonumber(s[4])) end
expires = math.max(expires, tonumber(s[2]))
redis.call('HSET', KEYS[1], 'E', expires, 'L', math.max(now, tonumber(s[5])))
redis.call('HINCRBY', KEYS[1], 'R', 1)
redis.call('PEXPIRE', KEYS[1], expires - now)
return {'now', before, expires}

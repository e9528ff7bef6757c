-- Counts a read of an app's session and begins its life anew; tells what it was before. Neither time
-- goes back: of two nodes whose clocks differ, the later one stays.
-- KEYS[1] session:<id>   ARGV: 1 app   2 now in ms
local before, s = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #before, 2 do s[before[i]] = before[i + 1] end
local now = tonumber(ARGV[2])
if s.A ~= ARGV[1] or tonumber(s.E) <= now then return {'gone'} end
local expires = now + tonumber(s.T)
if s.M then expires = math.min(expires, tonumber(s.M)) end
expires = math.max(expires, tonumber(s.E))
redis.call('HSET', KEYS[1], 'E', expires, 'L', math.max(now, tonumber(s.L)), 'R', tonumber(s.R) + 1)
if expires ~= tonumber(s.E) then redis.call('PEXPIRE', KEYS[1], expires - now) end
return {'now', before, expires}

-- Counts a read of an app's session and begins its life anew; tells what it was before. Neither time
-- goes back: of two nodes whose clocks differ, the later one stays.
-- KEYS: 1 session:<id>   2 sessions:app:<app>/data, if it is on this server
-- ARGV: 1 app   2 now in ms   on one server also: 3.. what note_use reads
local before, s = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #before, 2 do s[before[i]] = before[i + 1] end
local now = tonumber(ARGV[2])
if s.A ~= ARGV[1] or tonumber(s.E) <= now then return {'gone'} end
local expires, seen = now + tonumber(s.T), math.max(now, tonumber(s.L))
if s.M then expires = math.min(expires, tonumber(s.M)) end
expires = math.max(expires, tonumber(s.E))
redis.call('HSET', KEYS[1], 'E', expires, 'L', seen, 'R', tonumber(s.R) + 1)
if expires ~= tonumber(s.E) then redis.call('PEXPIRE', KEYS[1], expires - now) end
if KEYS[2] then note_use(KEYS[2], 3, s.U, tonumber(s.L), seen, expires, tonumber(s.T)) end
return {'now', before, expires}

-- Notes that a session was active and, where the generation is the current one, confirms it.
-- KEYS[1] session:<id>   ARGV: 1 generation of the access token, -1 = none was seen   2 now in ms
local s = redis.call('HMGET', KEYS[1], 'u', 'a', 'n', 'c', 'e', 'x', 't', 'l')
local now = tonumber(ARGV[2])
if not s[1] or tonumber(s[5]) <= now then return {'expired'} end
if s[6] then return {'ended', s[6], tonumber(s[7]), s[1], s[2]} end
if tonumber(ARGV[1]) == tonumber(s[3]) and not s[4] then redis.call('HSET', KEYS[1], 'c', now) end
if now > tonumber(s[8]) then redis.call('HSET', KEYS[1], 'l', now) end
return {'alive', '', now, s[1], s[2]}

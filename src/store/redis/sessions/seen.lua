-- Notes that a session was active and, where the generation is the current one, that it was seen in use.
-- KEYS[1] session:<id>
-- ARGV: 1 generation of the access token, -1 = none was seen   2 now in ms, '' = the server's own
local now = moment(ARGV[2])
local s = read({'u', 'a', 'n', 'c', 'e', 'k', 'p', 'x', 't', 'l', 'z'})
if not s.u or tonumber(s.e) <= now then return {'expired'} end
if s.x then return past('ended', s, s.x, s.t) end
if tonumber(ARGV[1]) == tonumber(s.n) and not s.c then redis.call('HSET', KEYS[1], 'c', now) end
if now > tonumber(s.l) then redis.call('HSET', KEYS[1], 'l', now) end
return {'alive', 'user', s.u, 'app', s.a}

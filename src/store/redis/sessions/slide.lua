-- Lets a session go on: its expiry is begun anew, never past its longest life.
-- KEYS[1] session:<id>
-- ARGV: 1 now, '' = the server's own   2 the life to begin   3 session's longest life, 0 = none
-- All times in ms.
local now = moment(ARGV[1])
local s = read({'u', 'a', 's', 'e', 'k', 'p', 'x', 't', 'z'})
if not s.u or tonumber(s.e) <= now then return {'expired'} end
if s.x then return past('ended', s, s.x, s.t) end
local created, longest = tonumber(s.s), tonumber(ARGV[3])
local expires = now + tonumber(ARGV[2])
if longest > 0 and created + longest < expires then expires = created + longest end
if expires <= now then return {'expired'} end
redis.call('HSET', KEYS[1], 'e', expires, 'l', now)
redis.call('PEXPIRE', KEYS[1], expires - now)
return {'alive', 'created', created, 'expires', expires, 'user', s.u, 'app', s.a}

-- Lets a session go on: its expiry is begun anew, never past its longest life.
-- KEYS[1] session:<id>   ARGV: 1 now   2 the life to begin   3 session's longest life, 0 = none
-- All times in ms. Fields: see record.rs.
local s = redis.call('HMGET', KEYS[1], 'u', 'a', 's', 'e', 'x', 't')
local now = tonumber(ARGV[1])
if not s[1] or tonumber(s[4]) <= now then return {'expired'} end
if s[5] then return {'ended', s[5], tonumber(s[6]), s[1], s[2]} end
local created, longest = tonumber(s[3]), tonumber(ARGV[3])
local expires = now + tonumber(ARGV[2])
if longest > 0 and created + longest < expires then expires = created + longest end
if expires <= now then return {'expired'} end
redis.call('HSET', KEYS[1], 'e', expires, 'l', now)
redis.call('PEXPIRE', KEYS[1], expires - now)
return {'alive', created, expires, s[1], s[2]}

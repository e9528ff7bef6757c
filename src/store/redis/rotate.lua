-- Decides what a genuine refresh token gets, by the rule of domain/rotation.rs, and does it.
-- KEYS[1] session:<id>
-- ARGV: 1 generation presented   2 now   3 grace   4 '1' = the timer confirms
--       5 '1' = refresh:<presented> is there   6 refresh lifetime   7 session's longest life, 0 = none
--       8 successor's generation   9, 10 what is kept of the successor and of the presented token
--       11 the call's own mark, see end.lua
-- All times in ms. Fields: see record.rs.
local s = redis.call('HMGET', KEYS[1], 'u', 'a', 'n', 'i', 'c', 's', 'e', 'k', 'p', 'x', 't', 'y')
local user, app, kept, parent = s[1], s[2], s[8] or '', s[9] or ''
local now = tonumber(ARGV[2])
if not user then return {'expired'} end
if tonumber(s[7]) <= now then return {'expired'} end
if s[10] then
  local verdict = s[12] == ARGV[11] and 'reused' or 'ended'
  return {verdict, s[10], tonumber(s[11]), user, app, kept, parent}
end

local presented, current = tonumber(ARGV[1]), tonumber(s[3])
local grace = tonumber(ARGV[3])
if presented < current then
  local confirmed = s[5] and tonumber(s[5])
  if ARGV[4] == '1' then
    local by_timer = tonumber(s[4]) + grace
    if not confirmed or by_timer < confirmed then confirmed = by_timer end
  end
  if presented + 1 < current or (confirmed and now >= confirmed + grace) then
    redis.call('HSET', KEYS[1], 'x', 'reuse_detected', 't', now, 'y', ARGV[11])
    redis.call('HDEL', KEYS[1], 'n', 'i', 'c', 's', 'l', 'd', 'o', '1', '2', '3', '4')
    return {'reused', '', now, user, app, kept, parent}
  end
end

-- A token newer than the record is one whose rotation a failover has lost, and its key with it.
if ARGV[5] ~= '1' and presented <= current then
  return {'withdrawn', '', now, user, app, kept, parent}
end

local created = tonumber(s[6])
local expires = now + tonumber(ARGV[6])
local longest = tonumber(ARGV[7])
if longest > 0 and created + longest < expires then expires = created + longest end
if expires <= now then return {'expired'} end
if presented < current then
  -- The same traces again, unless the setting they depend on was changed.
  redis.call('HSET', KEYS[1], 'e', expires, 'l', now, 'k', ARGV[9], 'p', ARGV[10])
else
  redis.call('HSET', KEYS[1], 'n', ARGV[8], 'i', now, 'e', expires, 'l', now, 'k', ARGV[9], 'p', ARGV[10])
  redis.call('HDEL', KEYS[1], 'c')
end
redis.call('PEXPIRE', KEYS[1], expires - now)
return {'granted', created, expires, user, app, kept, parent}

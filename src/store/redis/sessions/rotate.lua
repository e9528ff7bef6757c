-- Decides what a genuine refresh token gets, by the rule of domain/rotation.rs, and does it.
-- KEYS: 1 session:<id>   where all keys are on one server also refresh:<…> of 2 the presented token, 3 its
--       successor, 4 its predecessor: then record and keys are written in this one step
-- ARGV: 1 generation presented   2 now, '' = the server's own   3 for how long the request has been here
--       4 grace   5 '1' = the timer confirms   6 '1' = a contested session ends
--       7 refresh lifetime   8 session's longest life, 0 = none
--       9 until when an access token may live that is issued now, by the node's clock
--       10, 11, 12 what is kept of the presented token, its successor and its predecessor
--       13 the call's own mark, by which it knows, when it is sent once more after a broken connection, that
--       the end it meets is its own   14 session id   15 prefix of keys
--       16, 17 in a second call: when the request arrived, and until when it may end a session
-- All times in ms.
local now = moment(ARGV[2])
local presented, grace, mark = tonumber(ARGV[1]), tonumber(ARGV[4]), ARGV[13]
local s = read({'u', 'a', 'n', 'i', 'c', 'r', 's', 'e', 'k', 'p', 'x', 't', 'y', 'z', 'v', 'w'})
if not s.u or tonumber(s.e) <= now then return {'expired'} end
if s.x then
  local is_own = s.y == mark
  return past(is_own and s.x == 'contested' and 'contested' or is_own and 'reused' or 'ended', s, s.x, s.t)
end

local is_one_server = #KEYS > 1
local key_of = {[ARGV[10]] = KEYS[2], [ARGV[11]] = KEYS[3], [ARGV[12]] = KEYS[4]}
local function key(trace) return key_of[trace] or refresh_key(ARGV[15], trace) end
local function stop(word, reason)
  finish(reason, now, mark)
  if is_one_server and s.k then redis.call('DEL', key(s.k)) end
  if is_one_server and s.p then redis.call('DEL', key(s.p)) end
  return past(word, s, reason, now)
end

-- When the generation before the current one was replaced, and when those before it were.
local replaced = s.c and tonumber(s.c)
if ARGV[5] == '1' then
  local by_timer = tonumber(s.i) + grace
  if not replaced or by_timer < replaced then replaced = by_timer end
end
local earlier = s.r or ''

local current = tonumber(s.n)
local back = current - presented
local reissue = ''
if back > 0 then
  local replaced_at = replaced
  if back > 1 then
    local place = (back - 2) * 6 + 1
    replaced_at = place < #earlier and struct.unpack('>I6', earlier, place)
  end
  local arrived = tonumber(ARGV[16] or now - ARGV[3])
  local is_theft = back > 1 and not replaced_at or replaced_at and arrived >= replaced_at + grace
  local is_late = tonumber(s.v or -1) ~= current and arrived > tonumber(s.i) + grace
  reissue = 'usual'
  if is_theft or is_late then
    -- By the time at which this is carried out, which may be long after it was sent. Whoever asked knows
    -- better when the request arrived, if they still wait for the answer.
    if not ARGV[16] then return {'ask_again', 'now', now} end
    if now > tonumber(ARGV[17]) then return {'too_late'} end
  end
  if is_theft then return stop('reused', 'reuse_detected') end
  if is_late then
    local run = tonumber(s.v or -1) == current - 1 and s.w + 1 or 1
    if run >= 3 and ARGV[6] == '1' then return stop('contested', 'contested') end
    redis.call('HSET', KEYS[1], 'v', current, 'w', run)
    reissue = run >= 3 and 'contested' or 'late'
  end
end

-- A token whose key was deleted is withdrawn. Older ones than the parent have none; what they would get is
-- the current one. The version before wrote the current one's a moment after the hash. A token newer than
-- the record is one whose rotation a failover has lost, and its key with it.
if is_one_server and back >= 0 then
  local has_current = redis.call('EXISTS', key(s.k)) == 1
  local has_parent = back ~= 1 or redis.call('EXISTS', key(s.p)) == 1
  if not has_parent or not has_current and (back == 0 or now - tonumber(s.i) > 5000) then
    return {'withdrawn'}
  end
end

local created, longest = tonumber(s.s), tonumber(ARGV[8])
local expires = now + tonumber(ARGV[7])
if longest > 0 and created + longest < expires then expires = created + longest end
if expires <= now then return {'expired'} end
local kept, parent = s.k, s.p
-- What the version before issued without writing it down is over in a day.
local tokens_until = math.max(tonumber(s.z or now + 86400000), tonumber(ARGV[9]))
redis.call('HSET', KEYS[1], 'e', expires, 'l', now, 'z', tokens_until)
if back <= 0 then
  earlier = struct.pack('>I6', replaced or now) .. earlier
  for _ = current + 1, presented do earlier = struct.pack('>I6', now) .. earlier end
  -- The parent's key keeps the name it has, also where `storage.refresh_keys` was changed since.
  kept, parent, current = ARGV[11], back == 0 and s.k or ARGV[10], presented + 1
  redis.call('HSET', KEYS[1], 'n', current, 'i', now, 'r', string.sub(earlier, 1, 42), 'k', kept, 'p', parent)
  redis.call('HDEL', KEYS[1], 'c')
end
redis.call('PEXPIRE', KEYS[1], expires - now)

if is_one_server then
  local seconds = math.ceil((expires - now) / 1000)
  redis.call('SETEX', key(kept), seconds, ARGV[14])
  if back < 0 then
    redis.call('SETEX', key(parent), seconds, ARGV[14])
  elseif parent then
    redis.call('EXPIRE', key(parent), seconds)
  end
  for _, trace in ipairs({s.k, s.p or s.k}) do
    if trace ~= kept and trace ~= parent then redis.call('DEL', key(trace)) end
  end
end
return {'granted', 'created', created, 'expires', expires, 'user', s.u, 'app', s.a, 'generation', current,
  'reissue', reissue, 'current', kept, 'parent', parent, 'former', s.k, 'former_parent', s.p or ''}

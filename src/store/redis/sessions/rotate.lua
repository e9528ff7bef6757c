-- Decides what a genuine refresh token gets, by the rule of domain/rotation.rs, and does it.
-- KEYS: where all keys are on one server also refresh:<…> of 2 the presented token, 3 its successor, 4 its
--       predecessor: record, refresh keys and indexes are written in this one step
-- ARGV: 5 generation presented   6 for how long the request has been here   7 grace
--       8 '1' = the timer confirms   9 '1' = a contested session ends   10 the life to begin
--       11 session's longest life, 0 = none
--       12 until when an access token may live that is issued now, by the node's clock
--       13, 14, 15 the hashes of the presented token, its successor and its predecessor
--       16 the call's own mark, by which it knows, when it is sent once more after a broken connection, that
--       the end it meets is its own
--       17 the hash of the presented token's nonce
--       18 the thumbprint of the key that the client has proved itself by, '' = none
--       19, 20 in a second call: when the request arrived, and until when it may end a session
-- All times in ms.
local presented, waited, grace, by_timer, ends_contested, refresh_ttl, longest_life, token_end,
  presented_hash, successor_hash, predecessor_hash, mark, nonce_hash, proved_key, arrived_at, not_after = unpack(ARGV, 5)
presented, grace = tonumber(presented), tonumber(grace)

if not is_known then return {'expired'} end
if is_forged(nonce_hash) then return {'forged'} end
if record.x then
  if record.y ~= mark then return answer('ended') end
  return answer(record.x == 'contested' and 'contested' or 'reused')
end
-- Before the generation is looked at: without the key no token is a sign of anything.
if record.j and record.j ~= proved_key then return {'unproved'} end

-- Those among KEYS are known by name; of others the name is made.
local key_of = {[presented_hash] = KEYS[2], [successor_hash] = KEYS[3], [predecessor_hash] = KEYS[4]}
local function key(token_hash) return key_of[token_hash] or refresh_key(token_hash) end

local function stop(word, reason)
  finish(reason, mark)
  if is_one_server then
    if record.k then redis.call('DEL', key(record.k)) end
    if record.p then redis.call('DEL', key(record.p)) end
  end
  return answer(word)
end

local current, issued_at = tonumber(record.n), tonumber(record.i)
-- How many generations back the token is. One that is newer than the record is genuine too: a failover has
-- lost its rotation.
local back = current - presented

-- When the generation before the current one was replaced; that may lie ahead by the timer.
local replaced_at = tonumber(record.c)
if by_timer == '1' then replaced_at = math.min(replaced_at or math.huge, issued_at + grace) end
-- When those before it were, the latest first, 6 bytes each.
local earlier = record.r or ''

local reissue = ''
if back > 0 then
  local its_end = replaced_at
  if back > 1 then
    local place = (back - 2) * 6 + 1
    its_end = place < #earlier and struct.unpack('>I6', earlier, place) or -math.huge
  end
  local arrived = tonumber(arrived_at or now - waited)
  local is_theft = its_end and arrived >= its_end + grace
  local is_late = tonumber(record.v) ~= current and arrived > issued_at + grace
  if is_theft or is_late then
    -- By the time at which this is carried out, which may be long after it was sent. Whoever asked knows
    -- better when the request arrived, if they still wait for the answer.
    if not arrived_at then return {'ask_again', 'now', now} end
    if now > tonumber(not_after) then return {'too_late'} end
  end
  if is_theft then return stop('reused', 'reuse_detected') end
  reissue = 'usual'
  if is_late then
    local is_next = tonumber(record.v) == current - 1
    local run = is_next and record.w + 1 or 1
    local is_contested = run >= 3
    if is_contested and ends_contested == '1' then return stop('contested', 'contested') end
    write('v', current, 'w', run)
    reissue = is_contested and 'contested' or 'late'
  end
end

-- A token whose key was deleted is withdrawn. Older ones than the parent have none; what they would get is
-- the current one. The version before wrote the current one's a moment after the hash. A token newer than
-- the record is one whose rotation a failover has lost, and its key with it.
if is_one_server and back >= 0 then
  local has_current = redis.call('EXISTS', key(record.k)) == 1
  local has_parent = back ~= 1 or redis.call('EXISTS', key(record.p)) == 1
  if not has_parent or not has_current and (back == 0 or now - issued_at > 5000) then
    return {'withdrawn'}
  end
end

local expires = expiry(refresh_ttl, longest_life)
if expires <= now then return {'expired'} end
local former, former_parent = record.k, record.p
-- What the version before issued without writing it down is over in a day.
local tokens_until = math.max(tonumber(record.z or now + 86400000), tonumber(token_end))
if back > 0 then
  write('e', expires, 'l', now, 'z', tokens_until)
else
  earlier = struct.pack('>I6', replaced_at or now) .. earlier
  for _ = current + 1, presented do earlier = struct.pack('>I6', now) .. earlier end
  -- The parent's key keeps the name it has, also where `storage.refresh_keys` was changed since.
  local parent = back == 0 and record.k or presented_hash
  write('e', expires, 'l', now, 'z', tokens_until, 'n', presented + 1, 'i', now, 'r', string.sub(earlier, 1, 42),
    'k', successor_hash, 'p', parent)
  -- Nobody has seen the new generation in use yet.
  if record.c then redis.call('HDEL', KEYS[1], 'c') end
end
redis.call('PEXPIRE', KEYS[1], expires - now)

-- In a Cluster, refresh keys and indexes follow in a second step.
if not is_one_server then
  return answer('granted', 'reissue', reissue, 'former', former, 'former_parent', former_parent or '')
end
local seconds = math.ceil((expires - now) / 1000)
redis.call('SETEX', key(record.k), seconds, id)
if back < 0 then
  redis.call('SETEX', key(record.p), seconds, id)
elseif record.p then
  redis.call('EXPIRE', key(record.p), seconds)
end
for _, token_hash in ipairs({former, former_parent or former}) do
  if token_hash ~= record.k and token_hash ~= record.p then redis.call('DEL', key(token_hash)) end
end
-- Entered anew: a failover may have lost an entry, and a session that is in no index would be missed by a
-- sign-out everywhere.
for _, index in ipairs(index_keys()) do enter(index, id, now, expires - now) end
return answer('granted', 'reissue', reissue)

-- Notes in an app's list that a session was used that ends then, and that its user was active in it.
-- What the entries are is said in app_index.rs.
-- KEYS[1] sessions:app:<app>/data   ARGV: 1 id   2 user   3 activity   4 end   5 distance of the users'
--       scores   6 life of the list   7 the least that may be left of it, 0 = any. All times in ms.
-- Returns 1 when the session was not there before.
local id, active, over = ARGV[1], '+' .. ARGV[2], '=' .. ARGV[2]
local seen, ends, apart = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local known = redis.call('ZMSCORE', KEYS[1], id, active, over)
local latest = math.max(tonumber(known[1] or 0), seen)
local of_user = tonumber(known[2] or 0) - apart
if of_user > seen then
  redis.call('ZADD', KEYS[1], latest, id)
else
  local due = -apart - ends
  if of_user == seen then due = math.min(due, tonumber(known[3] or 0)) end
  redis.call('ZADD', KEYS[1], latest, id, apart + seen, active, due, over)
end
if not known[1] then redis.call('ZADD', KEYS[1], 'NX', -ends, '-' .. id .. ARGV[2]) end
if not known[1] or ARGV[7] ~= '0' then
  local left = redis.call('PTTL', KEYS[1])
  if left < 0 or left < tonumber(ARGV[7]) then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
end
return known[1] and 0 or 1

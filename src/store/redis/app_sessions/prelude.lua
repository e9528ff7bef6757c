-- What the scripts on the indexes of an app's sessions begin with. What the entries are is said in index.rs;
-- all times are in ms.

local function prolong(index, least, life)
  if redis.call('PTTL', index) < tonumber(least) then redis.call('PEXPIRE', index, life) end
end

-- Enters members in an index, or moves them up; none moves back. The index lives on for a while longer than
-- what is in it, so that not each use has to prolong it. Returns how many were not there before.
local function enter(index, least, life, ...)
  local new = redis.call('ZADD', index, 'GT', ...)
  prolong(index, least, life)
  return new
end

-- Notes in an app's list that a session was used that ends then, and that its user was active in it. `apart`
-- is the distance of the users' scores, `least` what must be left of the list's life, 0 = anything.
-- Returns 1 when the session was not there before.
local function list_use(list, id, user, seen, ends, apart, least, life)
  local active, over = '+' .. user, '=' .. user
  local known = redis.call('ZMSCORE', list, id, active, over)
  local latest = math.max(tonumber(known[1] or 0), seen)
  local of_user = tonumber(known[2] or 0) - apart
  if of_user > seen then
    redis.call('ZADD', list, latest, id)
  else
    local due = -apart - ends
    if of_user == seen then due = math.min(due, tonumber(known[3] or 0)) end
    redis.call('ZADD', list, latest, id, apart + seen, active, due, over)
  end
  if not known[1] then redis.call('ZADD', list, 'NX', -ends, '-' .. id .. user) end
  -- A list that was just made has no expiry yet, which PTTL says as -1.
  if not known[1] or least > 0 then prolong(list, least, life) end
  return known[1] and 0 or 1
end

-- Notes a use in both indexes, where they are on this server: there it is one step with the use itself, and
-- the session is known to be alive. From `first` on ARGV says: the session's id, what the name of a user's
-- index begins with, the distance of the users' scores, what an index outlives its sessions by, and how long
-- the spans are in each of which one use prolongs it. The user's index is not among KEYS: who the user is,
-- only the hash says.
local NOTED = 5
local function note_use(list, first, user, before, seen, ends, ttl)
  local id, index = ARGV[first], ARGV[first + 1] .. user
  local apart, spare, span = tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4])
  local least, life = ttl + spare, 2 * ttl + spare
  local prolongs = math.floor(before / span) ~= math.floor(seen / span)
  if redis.call('ZADD', index, 'GT', seen, id) == 1 or prolongs then prolong(index, least, life) end
  list_use(list, id, user, seen, ends, apart, prolongs and least or 0, life)
end


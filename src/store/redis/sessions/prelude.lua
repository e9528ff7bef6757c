-- What every script on a session's hash begins with. Its fields are told in record.rs.
-- KEYS[1] session:<id>
-- ARGV, before those of the script: 1 now in ms, '' = the server's own   2 session id
--       3 '1' = all keys are on this server   4 prefix of keys

-- The server's own clock: nodes whose clocks differ agree on what came first. Only where a test stops the clock
-- is the moment handed in.
local function moment(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now, id, is_one_server, prefix = moment(ARGV[1]), ARGV[2], ARGV[3] == '1', ARGV[4]

-- The record as it is: read once, and kept up to date by write(). All of it, so that a script names only the
-- fields that its own rule is about.
local record = {}
do
  local pairs = redis.call('HGETALL', KEYS[1])
  for i = 1, #pairs, 2 do record[pairs[i]] = pairs[i + 1] end
end

-- One whose time is over is as good as gone, ended before or not.
local is_known = record.u and tonumber(record.e) > now

local function write(...)
  redis.call('HSET', KEYS[1], ...)
  local given = {...}
  for i = 1, #given, 2 do record[given[i]] = given[i + 1] end
end

-- The answer: a word, then by name what else belongs to it and the record as it is now, as answer.rs reads it.
-- One flat table: each table in it would cost Redis a look for what kind of answer it is.
local function answer(word, ...)
  local told = {word, ...}
  local last = #told
  for name, value in pairs(record) do
    told[last + 1], told[last + 2] = name, value
    last = last + 2
  end
  return told
end

-- Whether a token or cookie was made with the secret alone, by somebody who was not given it.
local function is_forged(nonce_hash) return record.b and record.b ~= nonce_hash end

-- When the session is over if it is left alone from now on.
local function expiry(refresh_ttl, longest_life)
  local idle_end, end_of_all = now + refresh_ttl, record.s + longest_life
  if tonumber(longest_life) > 0 and end_of_all < idle_end then return end_of_all end
  return idle_end
end

-- Ends the session. What stays, until it would have expired: whose it was, which keys lead to it, until when its
-- access tokens live, why and when it ended; nothing of where its owner was. `mark` is the call's own, by which it
-- knows, when it is sent once more after a broken connection, that the end it meets is its own.
local function finish(reason, mark)
  write('x', reason, 't', now, 'y', mark)
  local stays, gone = {u = 1, a = 1, k = 1, p = 1, e = 1, z = 1, x = 1, t = 1, y = 1}, {}
  for name in pairs(record) do
    if not stays[name] then gone[#gone + 1] = name end
  end
  if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
  for _, name in ipairs(gone) do record[name] = nil end
end

local function base64url(bytes)
  local digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  local text = {}
  for i = 1, #bytes, 3 do
    local a, b, c = string.byte(bytes, i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for j = 3, c and 0 or b and 1 or 2, -1 do
      local digit = math.floor(bits / 64 ^ j) % 64 + 1
      text[#text + 1] = string.sub(digits, digit, digit)
    end
  end
  return table.concat(text)
end

-- The names of keys, as keys.rs makes them. To be used where all keys are on this one server: they are not among
-- KEYS.
local function refresh_key(token_hash)
  return prefix .. 'refresh:' .. (#token_hash == 32 and '' or 'kwr_') .. base64url(token_hash)
end

local function index_keys()
  local user = string.format('%08x-%04x-%04x-%04x-%04x%08x', struct.unpack('>I4I2I2I2I2I4', record.u))
  return {prefix .. 'sessions:user:' .. user, prefix .. 'sessions:app:' .. record.a}
end


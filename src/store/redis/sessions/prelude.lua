-- What every script on a session's hash begins with. The fields are told in record.rs.

-- The present moment in ms. It is the server's own, so that nodes whose clocks differ agree on what came
-- first; only where a test stops the clock is it handed in.
local function moment(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Some fields of the hash, by name.
local function read(names)
  local values, s = redis.call('HMGET', KEYS[1], unpack(names)), {}
  for i, name in ipairs(names) do s[name] = values[i] or nil end
  return s
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

-- The name of a refresh token's key, from what the hash keeps of the token, as keys.rs makes it. To be used
-- where all keys are on this one server: it is not among KEYS.
local function refresh_key(prefix, trace)
  return prefix .. 'refresh:' .. (#trace == 32 and '' or 'kwr_') .. base64url(trace)
end

-- Ends the session: what is left of its hash says why and when, whose it was, until when its access tokens
-- live, and which keys lead to it.
local function finish(reason, since, mark)
  redis.call('HSET', KEYS[1], 'x', reason, 't', since, 'y', mark)
  redis.call('HDEL', KEYS[1], 'n', 'i', 'c', 'r', 's', 'l', 'd', 'o', 'v', 'w', '1', '2', '3', '4')
end

-- What is answered of a session that has ended.
local function past(word, s, reason, since)
  return {word, 'reason', reason, 'since', tonumber(since), 'user', s.u, 'app', s.a, 'current', s.k or '',
    'parent', s.p or '', 'tokens_until', s.z or ''}
end


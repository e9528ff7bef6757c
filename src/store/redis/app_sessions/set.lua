-- Changes the data of an app's session, counts a write and begins its life anew: all or nothing.
-- Data are the fields that begin with a quote, so that their lengths are those of the JSON.
-- KEYS: 1 session:<id>   2 sessions:app:<app>/data, if it is on this server
-- ARGV: 1 app   2 now in ms   3 the version expected, '' = any   4 '1' = what is not named is removed
--       5 most bytes   6 most keys   7 the call's own mark, by which it knows, when it is sent once more
--       after a broken connection, that it was carried out   on one server also: 8.. what note_use reads
--       then key and value, '' = none
local s = redis.call('HMGET', KEYS[1], 'A', 'E', 'T', 'M', 'L', 'W', 'Y', 'U')
local now, mark = tonumber(ARGV[2]), ARGV[7]
if s[1] ~= ARGV[1] or tonumber(s[2]) <= now then return {'gone'} end
if s[7] and string.sub(s[7], 1, #mark) == mark then
  return {'now', redis.call('HGETALL', KEYS[1]), tonumber(s[2]), tonumber(string.sub(s[7], #mark + 1))}
end
if ARGV[3] ~= '' and ARGV[3] ~= s[6] then return {'conflict', tonumber(s[6])} end

local change, old, keys, bytes = {}, {}, 0, 1
for i = KEYS[2] and 8 + NOTED or 8, #ARGV, 2 do change[ARGV[i]] = ARGV[i + 1] end
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local key, value = fields[i], fields[i + 1]
  if string.sub(key, 1, 1) == '"' then
    if ARGV[4] == '1' then
      if not change[key] then old[#old + 1] = key end
    elseif not change[key] then
      keys, bytes = keys + 1, bytes + #key + #value + 2
    end
  end
end
for key, value in pairs(change) do
  if value ~= '' then keys, bytes = keys + 1, bytes + #key + #value + 2 end
end
if keys > tonumber(ARGV[6]) then return {'keys'} end
if bytes > tonumber(ARGV[5]) then return {'bytes'} end

-- Nothing is written above this line.
for i = 1, #old do redis.call('HDEL', KEYS[1], old[i]) end
for key, value in pairs(change) do
  if value == '' then redis.call('HDEL', KEYS[1], key) else redis.call('HSET', KEYS[1], key, value) end
end
local expires = now + tonumber(s[3])
if s[4] then expires = math.min(expires, tonumber(s[4])) end
expires = math.max(expires, tonumber(s[2]))
local seen, writes = math.max(now, tonumber(s[5])), tonumber(s[6]) + 1
redis.call('HSET', KEYS[1], 'E', expires, 'L', seen, 'W', writes, 'Y', mark .. s[5])
redis.call('PEXPIRE', KEYS[1], expires - now)
if KEYS[2] then note_use(KEYS[2], 8, s[8], tonumber(s[5]), seen, expires, tonumber(s[3])) end
return {'now', redis.call('HGETALL', KEYS[1]), expires, tonumber(s[5])}

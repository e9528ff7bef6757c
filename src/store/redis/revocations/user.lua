-- Changes what is said of a user: why every token is refused, and before when those were issued that are
-- outdated. The value is the one, 'outdated:<seconds>', or both with a space between; each is changed alone.
-- What another hand wrote is a reason; without expiry it stays so.
-- KEYS[1] blacklist:user:<id>
-- ARGV: 1 refuse, outdate or admit   2 the reason, or the seconds   3 the life in ms of what is said
local value, left, life = redis.pcall('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), tonumber(ARGV[3])
if type(value) == 'table' then
  if ARGV[1] ~= 'admit' then return value end
  value = ''
end
value = value or ''
local before = tonumber(string.match(value, 'outdated:(%d+)$') or 0)
local reason = string.gsub(value, ' ?outdated:%d+$', '')
if ARGV[1] == 'admit' then
  reason = ''
elseif ARGV[1] == 'refuse' then
  if reason == '' then reason = ARGV[2] end
elseif tonumber(ARGV[2]) > before then
  before = tonumber(ARGV[2])
end
if before > 0 then
  value = (reason == '' and '' or reason .. ' ') .. 'outdated:' .. string.format('%d', before)
else
  value = reason
end
if value == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[1] ~= 'admit' and left == -1 then
  redis.call('SET', KEYS[1], value)
else
  redis.call('SET', KEYS[1], value, 'PX', math.max(left, ARGV[1] == 'admit' and left > 0 and 0 or life))
end
return 1

-- A part of an index, the most recently active first, after a place given by score and member:
-- entries that move up in the meantime are not met twice.
-- KEYS[1] sessions:…   ARGV: 1 score, '+inf' = from the top   2 session id   3 how many
--       4 the least score
local page, offset, wanted = {}, 0, tonumber(ARGV[3])
while #page < wanted * 2 do
  local part = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[4], 'WITHSCORES', 'LIMIT', offset, wanted)
  for i = 1, #part, 2 do
    local is_past = part[i + 1] ~= ARGV[1] or part[i] < ARGV[2]
    if is_past and #page < wanted * 2 then
      page[#page + 1] = part[i]
      page[#page + 1] = part[i + 1]
    end
  end
  offset = offset + wanted
  if #part < wanted * 2 then break end
end
return page

-- Counts for many counters: of each so many and, where no window runs, begins one; in one step, so that no
-- counter is left without an end. One that was left so by another hand is mended.
-- KEYS rate:…   ARGV of each key: the window in ms, how many
-- Returns of each key its count and what is left of its window in ms, up to the first key that holds no
-- number: the keys before it are counted and must not be counted again. If that is the first of all, its error.
local reply = {}
for i = 1, #KEYS do
  local count = redis.pcall('INCRBY', KEYS[i], ARGV[2 * i])
  if type(count) == 'table' then
    if i == 1 then return count end
    break
  end
  local left = redis.call('PTTL', KEYS[i])
  if left < 0 then
    left = tonumber(ARGV[2 * i - 1])
    redis.call('PEXPIRE', KEYS[i], left)
  end
  reply[2 * i - 1], reply[2 * i] = count, left
end
return reply

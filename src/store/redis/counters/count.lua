-- Counts so many and, where no window runs, begins one: in one step, so that no counter is left without
-- an end. One that was left so by another hand is mended.
-- KEYS[1] rate:…   ARGV[1] the window in ms   ARGV[2] how many
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}

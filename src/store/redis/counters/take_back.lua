-- Counts one less, where a window runs: never below zero, and never a key without an end.
-- KEYS[1] rate:…
local count = tonumber(redis.call('GET', KEYS[1]))
if count and count > 1 then
  redis.call('INCRBY', KEYS[1], -1)
elseif count then
  redis.call('DEL', KEYS[1])
end
return 0

-- Spends what is good once. A call with the outcome that is there already writes it again: it waits for replicas
-- then, where the call before did so in vain.
-- KEYS[1] once:…   ARGV: 1 life in ms   2 outcome
-- Returns the outcome with which it had been spent; nothing where it had not.
local before = redis.call('GET', KEYS[1])
if before and before ~= ARGV[2] then return before end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
return before

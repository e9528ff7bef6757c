-- Remembers what nodes agree on, unless it is neither what the caller knows nor what it wants.
-- KEYS[1] installation:…   ARGV: 1 what it knows, '' = nothing   2 what it wants   3 life in seconds
-- Returns 1 when what it wants is remembered now.
local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[1] and known ~= ARGV[2] then return 0 end
redis.call('SETEX', KEYS[1], ARGV[3], ARGV[2])
return 1

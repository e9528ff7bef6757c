-- Notes that an access token was seen in use where it is of the current generation, and that the session was
-- active where the last note is old enough.
-- ARGV: 5 generation of the access token, -1 = none was seen   6 how old the last note of activity must be, in ms
local generation, noted_every = tonumber(ARGV[5]), tonumber(ARGV[6])
if not is_known then return {'expired'} end
if record.x then return answer('ended') end
-- Once: the grace of the generation before is counted from the first sight.
if generation == tonumber(record.n) and not record.c then write('c', now) end
if now - record.l < noted_every then return {'seen'} end
write('l', now)
if not is_one_server then return answer('active') end
-- Only where the session is in them: an entry that an end has taken out does not come back.
for _, index in ipairs(index_keys()) do redis.call('ZADD', index, 'XX', 'GT', now, id) end
return {'seen'}

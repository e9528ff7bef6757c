-- Enters members in an index of an app's sessions, or moves them up; none moves back. The index lives on
-- for a while longer than what is in it, so that not each use has to prolong it.
-- KEYS[1] sessions:…   ARGV: 1 life of the index in ms   2 the least that may be left of it
--       3.. score and member
-- Returns how many were not there before.
local new = redis.call('ZADD', KEYS[1], 'GT', unpack(ARGV, 3))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return new

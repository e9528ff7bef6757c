-- Enters a session in an index, or notes its activity there. The index lives as long as the session
-- in it that lives longest: its expiry is only ever moved forward.
-- KEYS[1] sessions:…   ARGV: 1 session id   2 score: last activity in ms   3 the session's life in ms,
--       0 = unchanged   4 'new' = enter it, 'known' = only if it is there
-- Returns 1 when it was not there before.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score and ARGV[4] == 'known' then return 0 end
if not score or tonumber(score) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
end
local life = tonumber(ARGV[3])
if life > 0 and redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], life) end
return score and 0 or 1

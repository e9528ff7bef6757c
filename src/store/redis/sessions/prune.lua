-- Takes entries out of an index, but not those that have been active since: a session is entered
-- there before its hash is written.
-- KEYS[1] sessions:…   ARGV: 1 the latest activity that may go, in ms   2.. session ids
for i = 2, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) <= tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return 1

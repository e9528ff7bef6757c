-- Enters a session in its app's list, or notes its activity there; tells of some whose time may be over.
-- A session has two entries: its id by last activity, and '-' with id and user by expiry, negative so
-- that neither is met where the other is looked for. The second one is not moved at each use: whoever
-- finds it due looks at the session.
-- KEYS[1] sessions:app:<app>/data   ARGV: 1 id   2 last activity   3 user   4 expiry   5 life of the
--       list, 0 = enter nothing   6 now   7 how many to tell of. All times in ms.
if ARGV[5] ~= '0' then
  redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
  redis.call('ZADD', KEYS[1], 'NX', -tonumber(ARGV[4]), '-' .. ARGV[1] .. ARGV[3])
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
end
if ARGV[7] == '0' then return {} end
return redis.call('ZRANGEBYSCORE', KEYS[1], -tonumber(ARGV[6]), '(0', 'LIMIT', 0, ARGV[7])

-- Ends a session: what is left of its hash says why and when, and what else there is to delete. The
-- first end stands; writing it again makes WAIT on a retry mean something.
-- KEYS[1] session:<id>
-- ARGV: 1 owner, '' = anybody   2 reason   3 now in ms   4 the call's own mark, by which it knows, when
--       it is sent once more after a broken connection, that the end it meets is its own
local s = redis.call('HMGET', KEYS[1], 'u', 'a', 'k', 'p', 'e', 'x', 't', 'y')
local now = tonumber(ARGV[3])
if not s[1] or tonumber(s[5]) <= now then return {'unknown'} end
if ARGV[1] ~= '' and ARGV[1] ~= s[1] then return {'unknown'} end
local verdict, reason, since = 'before', s[6], s[7]
if not reason then
  verdict, reason, since = 'now', ARGV[2], now
  redis.call('HSET', KEYS[1], 'y', ARGV[4])
elseif s[8] == ARGV[4] then
  verdict = 'now'
end
redis.call('HSET', KEYS[1], 'x', reason, 't', since)
redis.call('HDEL', KEYS[1], 'n', 'i', 'c', 's', 'l', 'd', 'o', '1', '2', '3', '4')
return {verdict, reason, tonumber(since), s[1], s[2], s[3] or '', s[4] or ''}

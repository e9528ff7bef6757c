-- Writes the hash of an app's session with its expiry, and where the indexes are on this server enters it
-- there; does nothing where there is a hash already: then this is the retry after a lost answer.
-- KEYS: 1 session:<id>   on one server also: 2 sessions:app:<app>/data   3 sessions:user:<app>/<user id>
-- ARGV: 1 how many fields and values follow   2.. those   then the session's life in ms, and on one server:
--       its id   user   activity   end   distance of the users' scores   the least that may be left of an
--       index's life   its life then   how many sessions that are over to tell of
-- Returns what leads to those.
local last = 1 + ARGV[1]
local id, user, seen, ends, apart, least, life, over = unpack(ARGV, last + 2)
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 2, last))
  redis.call('PEXPIRE', KEYS[1], ARGV[last + 1])
  if KEYS[2] then
    enter(KEYS[3], least, life, seen, id)
    list_use(KEYS[2], id, user, tonumber(seen), tonumber(ends), tonumber(apart), tonumber(least), life)
  end
end
if not over or over == '0' then return {} end
return redis.call('ZRANGEBYSCORE', KEYS[2], -seen, '(0', 'LIMIT', 0, over)

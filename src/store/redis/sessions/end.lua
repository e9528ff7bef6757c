-- Ends a session, and where all keys are on one server also what leads to it: in one step. The first end
-- stands; writing it again makes WAIT on a retry mean something.
-- KEYS[1] session:<id>
-- ARGV: 1 owner, '' = anybody   2 reason   3 now in ms, '' = the server's own   4 the call's own mark, by
--       which it knows, when it is sent once more after a broken connection, that the end it meets is its own
--       5 '1' = all keys are on this server   6 prefix of keys
local now = moment(ARGV[3])
local s = read({'u', 'a', 'k', 'p', 'e', 'x', 't', 'y', 'z'})
if not s.u or tonumber(s.e) <= now then return {'unknown', 'tokens_until', s.z or ''} end
if ARGV[1] ~= '' and ARGV[1] ~= s.u then return {'unknown', 'tokens_until', ''} end
local is_own = not s.x or s.y == ARGV[4]
local reason, since = s.x or ARGV[2], s.t or now
finish(reason, since, is_own and ARGV[4] or s.y or '')
if ARGV[5] == '1' then
  if s.k then redis.call('DEL', refresh_key(ARGV[6], s.k)) end
  if s.p then redis.call('DEL', refresh_key(ARGV[6], s.p)) end
end
return past(is_own and 'now' or 'before', s, reason, since)

-- Ends a session, and deletes its refresh keys where all keys are on one server: in one step.
-- ARGV: 5 owner, '' = anybody   6 reason   7 the call's own mark
local owner, reason, mark = unpack(ARGV, 5)
-- Of a session whose time is over the record may still say until when its tokens live.
if not is_known then return answer('expired') end
if owner ~= '' and owner ~= record.u then return {'of_another'} end
if not record.x then
  finish(reason, mark)
else
  -- The first end stands. It is written again, so that WAIT means something on a retry.
  write('x', record.x)
end
if is_one_server then
  if record.k then redis.call('DEL', refresh_key(record.k)) end
  if record.p then redis.call('DEL', refresh_key(record.p)) end
end
return answer(record.y == mark and 'now' or 'before')

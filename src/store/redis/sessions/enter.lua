-- Enters a session in an index, or notes its activity there: only forward, of two notes that cross the later one
-- stays. The index lives as long as the session in it that lives longest: its expiry is only ever moved forward.
-- Returns 1 when the session was not there before.
local function enter(index, session, active, life)
  local is_new = redis.call('ZADD', index, 'GT', active, session)
  if redis.call('PTTL', index) < life then redis.call('PEXPIRE', index, life) end
  return is_new
end


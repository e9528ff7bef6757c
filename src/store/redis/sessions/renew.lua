-- Lets a session that lives by its cookie go on: its life begins anew, never past its longest.
-- ARGV: 5 the life to begin   6 session's longest life, 0 = none   7 the hash of the cookie's nonce
-- All times in ms.
local refresh_ttl, longest_life, nonce_hash = unpack(ARGV, 5)
if not is_known then return {'expired'} end
if is_forged(nonce_hash) then return {'forged'} end
if record.x then return answer('ended') end
local expires = expiry(refresh_ttl, longest_life)
if expires <= now then return {'expired'} end
write('e', expires, 'l', now)
redis.call('PEXPIRE', KEYS[1], expires - now)
-- The indexes must outlive the session. In a Cluster they follow in a second step.
if is_one_server then
  for _, index in ipairs(index_keys()) do enter(index, id, now, expires - now) end
end
return answer('alive')

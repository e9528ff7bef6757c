-- Writes, and leaves nothing behind: fails where Redis would refuse a sign-in.
-- KEYS[1] a key of no meaning
redis.call('SET', KEYS[1], '', 'PX', 1000)
return redis.call('DEL', KEYS[1])

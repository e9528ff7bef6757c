-- Takes a session out of its app's list; tells what is known of its user's activity.
-- KEYS[1] sessions:app:<app>/data   ARGV: 1 id   2 user
redis.call('ZREM', KEYS[1], ARGV[1], '-' .. ARGV[1] .. ARGV[2])
return redis.call('ZMSCORE', KEYS[1], '+' .. ARGV[2], '=' .. ARGV[2])

-- Notes in an app's list that a session was used.
-- KEYS[1] sessions:app:<app>/data   ARGV: 1 id   2 user   3 activity   4 end   5 distance of the users'
--       scores   6 the least that may be left of the list's life, 0 = any   7 its life then
-- Returns 1 when the session was not there before.
return list_use(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]),
  tonumber(ARGV[6]), ARGV[7])

-- Enters a session in an index; what it returns is told in enter.lua, with which it begins.
-- KEYS[1] sessions:…   ARGV: 1 session id   2 score: last activity in ms   3 the session's life in ms
return enter(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]))

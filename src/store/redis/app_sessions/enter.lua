-- Enters members in an index of an app's sessions, or moves them up.
-- KEYS[1] sessions:…   ARGV: 1 the least that may be left of its life   2 its life then   3.. score and member
-- Returns how many were not there before.
return enter(KEYS[1], unpack(ARGV))

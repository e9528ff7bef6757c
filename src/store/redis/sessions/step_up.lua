-- Writes what more is proved in a session, if it still says what that was decided from: fields that no rotation writes.
-- ARGV: 5, 6, 7 what it said: the methods, since when, and when the last was shown   8, 9, 10 what it is to say
if not is_known then return {'expired'} end
if record.x then return answer('ended') end

local function says(methods, since, at)
  return (record.m or 'password') == methods and (record.f or record.s) == since and (record.h or record.s) == at
end
-- What it is to say it says already where this is sent once more after a lost answer.
if not says(ARGV[5], ARGV[6], ARGV[7]) and not says(ARGV[8], ARGV[9], ARGV[10]) then return answer('moved') end

write('m', ARGV[8], 'f', ARGV[9], 'h', ARGV[10])
return answer('done')

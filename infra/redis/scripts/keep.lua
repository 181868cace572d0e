-- Says that a mirror is there: a tag that stands where the mirror does lives
-- on, one that is behind it or gone begins anew, without rows.
--
-- KEYS  the tag's state
-- ARGV  where the mirror stands, an epoch never used, life of the tag (ms)
-- Answers 1 if the tag lives on, 2 if it begins anew, 0 if it is ahead.
local state = redis.call('GET', KEYS[1])
if state then
  local at = string.sub(state, 17)
  if at > ARGV[1] then
    return 0
  end
  if at == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    return 1
  end
end
redis.call('SET', KEYS[1], ARGV[2] .. ARGV[1], 'PX', ARGV[3])
return 2

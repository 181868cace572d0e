-- Applies one batch to one tag, if the tag stands where the batch begins.
--
-- KEYS  the tag's state; n row keys; a hash key for each figure
-- ARGV  mode, above, to, an epoch never used, life of the tag (ms), life of a
--       row (ms), n; n rows ('' removes the row); a figure for each hash key
--
-- mode 'next'  repeats and older batches change nothing
--      'begin' the sender does not know what is here: only a tag that stands
--              exactly at above goes on
--      'reset' nothing of what is here may be shown again
-- Positions are 19 digits, so that they compare as strings.
local state = redis.call('GET', KEYS[1])
local mode, above, to = ARGV[1], ARGV[2], ARGV[3]
local epoch = false
local answer = 1
if state and mode ~= 'reset' then
  local at = string.sub(state, 17)
  if mode == 'next' and at >= to then
    return 0
  end
  if at == above or (mode == 'next' and at > above) then
    epoch = string.sub(state, 1, 16)
  end
end
if not epoch then
  epoch = ARGV[4]
  answer = 2
end
local n = tonumber(ARGV[7])
for i = 1, n do
  local row = ARGV[7 + i]
  if row == '' then
    redis.call('DEL', KEYS[1 + i])
  else
    redis.call('SET', KEYS[1 + i], epoch .. row, 'PX', ARGV[6])
  end
end
for i = n + 1, #KEYS - 1 do
  redis.call('HSET', KEYS[1 + i], 'available', ARGV[7 + i], 'epoch', epoch)
  redis.call('PEXPIRE', KEYS[1 + i], ARGV[6])
end
redis.call('SET', KEYS[1], epoch .. to, 'PX', ARGV[5])
return answer

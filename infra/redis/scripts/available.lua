-- Reads figures of one tag together with its state.
--
-- KEYS  the tag's state; hash keys
-- Answers the state, then a figure for each hash key, false where it is unknown.
local state = redis.call('GET', KEYS[1])
if not state then
  return {false}
end
local epoch = string.sub(state, 1, 16)
local answer = {state}
for i = 2, #KEYS do
  local found = redis.call('HMGET', KEYS[i], 'available', 'epoch')
  answer[i] = found[2] == epoch and found[1]
end
return answer

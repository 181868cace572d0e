-- Counts one request, if fewer than the limit were counted within the window.
--
-- KEYS  list of the times (µs of this server's clock) that were counted, oldest first
-- ARGV  limit, window (µs)
-- Answers taken (1 or 0), remaining, µs until all is free, µs until one is free.
--
-- A clock that went back stands still until it has caught up with the newest
-- request; if it went back more than a window the key begins anew, so that
-- nobody is refused for longer than that.
local clock = redis.call('TIME')
local wall = clock[1] * 1000000 + clock[2]
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = wall
local last = tonumber(redis.call('LINDEX', KEYS[1], -1) or '')
if last and last > wall + window then
  redis.call('DEL', KEYS[1])
  last = nil
elseif last and last > wall then
  now = last
end
local n = last and redis.call('LLEN', KEYS[1]) or 0
while n > 0 and tonumber(redis.call('LINDEX', KEYS[1], 0)) <= now - window do
  redis.call('LPOP', KEYS[1])
  n = n - 1
end
local taken, retry = 0, 0
if n < limit then
  redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil((now + window - wall) / 1000) + 2)
  taken, n, last = 1, n + 1, now
else
  retry = tonumber(redis.call('LINDEX', KEYS[1], -limit)) + window - now
end
return {taken, math.max(0, limit - n), last + window - now, retry}

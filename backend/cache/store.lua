-- Keeps a value if the lease under which it was loaded still stands. Its age counts from
-- when that was given, by this clock alone.
--
-- KEYS: value, lease. ARGV: token, milliseconds of a lease, value, milliseconds to keep it.
local lease = redis.call('GET', KEYS[2])
local fresh = lease == 'fresh ' .. ARGV[1]
if not fresh and lease ~= ARGV[1] then return 0 end
local left = ARGV[4] - (ARGV[2] - redis.call('PTTL', KEYS[2]))
if left < 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', left)
if fresh then
  redis.call('SET', KEYS[2], 'fresh', 'KEEPTTL')
else
  redis.call('DEL', KEYS[2])
end
return 1

-- Returns a value and the milliseconds that are left of it, or 1 for a lease or 0, and 1
-- where the key was invalidated not long ago or 0.
--
-- KEYS: value, lease. ARGV: token, milliseconds of a lease, the age in milliseconds up to
-- which a value is taken that was read fresh, the same of any other, 1 to take none that is due.
local value = redis.call('GET', KEYS[1])
if value then
  local hard, soft, fresh = string.match(value, '^(%d+) (%d+) ([01]) ')
  local left = redis.call('PTTL', KEYS[1])
  if hard and left > 0 then
    local age = hard - left
    local oldest = tonumber(fresh == '1' and ARGV[3] or ARGV[4])
    if age <= oldest and (ARGV[5] == '0' or age < tonumber(soft)) then
      return {value, left}
    end
  end
end
local lease = redis.call('GET', KEYS[2])
local fresh = lease and string.sub(lease, 1, 5) == 'fresh'
-- The client asks again when a connection broke: a lease may be its own.
if lease and lease ~= 'fresh' and lease ~= ARGV[1] and lease ~= 'fresh ' .. ARGV[1] then
  return {0, fresh and 1 or 0}
end
redis.call('SET', KEYS[2], (fresh and 'fresh ' or '') .. ARGV[1], 'PX', ARGV[2])
return {1, fresh and 1 or 0}

-- Takes a key, or says why not.
--
-- KEYS  the key
-- ARGV  fingerprint, token, lease and window in milliseconds
-- Returns a state, for "repeat" with a blank and the recorded answer.
local known = redis.call("HMGET", KEYS[1], "print", "answer", "until", "token")
if known[1] and known[1] ~= ARGV[1] then
  return "mismatch"
end
if known[2] then
  return "repeat " .. known[2]
end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A caller that asks twice, since the first answer was lost on the way, is not another one.
if known[3] and tonumber(known[3]) > now and known[4] ~= ARGV[2] then
  return "in flight"
end
-- What nobody had before is forgotten when the claim is withdrawn.
if not known[1] then
  redis.call("HSET", KEYS[1], "fresh", 1)
elseif known[4] ~= ARGV[2] then
  redis.call("HDEL", KEYS[1], "fresh")
end
redis.call("HSET", KEYS[1], "print", ARGV[1], "token", ARGV[2], "until", string.format("%.0f", now + ARGV[3]))
redis.call("PEXPIRE", KEYS[1], ARGV[4])
return "first"

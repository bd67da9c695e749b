-- Ends a claim, unless the key is another claim's by now.
--
-- KEYS  the key
-- ARGV  token, window in milliseconds, what becomes of it, and for what is "done" the answer; what
--       "failed" keeps the key for the same request, what is "withdrawn" is as if it never was
-- Returns 1 where the claim was still the caller's.
local known = redis.call("HMGET", KEYS[1], "token", "fresh")
if known[1] ~= ARGV[1] then
  return 0
end
if ARGV[3] == "withdrawn" and known[2] then
  return redis.call("DEL", KEYS[1])
end
redis.call("HDEL", KEYS[1], "until", "fresh")
if ARGV[3] == "done" then
  redis.call("HSET", KEYS[1], "answer", ARGV[4])
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
end
return 1

-- Ends a claim, unless the key is another claim's by now.
--
-- KEYS  the key
-- ARGV  token, window in milliseconds, and the answer; without an answer the work failed
-- Returns 1 where the claim was still the caller's.
if redis.call("HGET", KEYS[1], "token") ~= ARGV[1] then
  return 0
end
redis.call("HDEL", KEYS[1], "until")
if ARGV[3] then
  redis.call("HSET", KEYS[1], "answer", ARGV[3])
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
end
return 1

-- Writes a session in place of one version, or says that another one is there.
--
-- KEYS  the session, the set of the user's bots
-- ARGV  version to replace (empty: none is there), version, data, time and end in
--       microseconds, time to live in milliseconds, bot
-- Returns 1 where it is written.
local known = redis.call("HMGET", KEYS[1], "version", "expires")
local there = known[1] and tonumber(known[2]) > tonumber(ARGV[4])
-- A caller that asks twice, since the first answer was lost on the way, meets its own.
if known[1] ~= ARGV[2] then
  if ARGV[1] == "" and there or ARGV[1] ~= "" and known[1] ~= ARGV[1] then
    return 0
  end
end
redis.call("HSET", KEYS[1], "version", ARGV[2], "data", ARGV[3], "updated", ARGV[4], "expires", ARGV[5])
redis.call("PEXPIRE", KEYS[1], ARGV[6])
redis.call("SADD", KEYS[2], ARGV[7])
-- The set lives as long as the last of the sessions in it.
if redis.call("PTTL", KEYS[2]) < tonumber(ARGV[6]) then
  redis.call("PEXPIRE", KEYS[2], ARGV[6])
end
return 1

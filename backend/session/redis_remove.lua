-- Removes sessions of a user: one version of one, or all that the caller knows of.
--
-- KEYS  the set of the user's bots, the sessions
-- ARGV  version (empty: any), the bots of the sessions
-- Returns 1 where they are gone.
if ARGV[1] ~= "" and redis.call("HGET", KEYS[2], "version") ~= ARGV[1] then
  return 0
end
for i = 2, #KEYS do
  redis.call("DEL", KEYS[i])
  redis.call("SREM", KEYS[1], ARGV[i])
end
return 1

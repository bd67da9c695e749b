-- The generic cell rate algorithm of redis_rate v10 over several keys: all of them are
-- taken from, or none is written. For one key and most = least it computes what
-- redis_rate's own script does, in the same order.
--
-- KEYS  one for each take
-- ARGV  the longest delay in seconds of what is taken on credit, or -1 to refuse instead,
--       and for each key: burst, rate, period in seconds, least, most
-- Returns for each key: taken, remaining, retry_after, reset_after, delay
redis.replicate_commands()

local max_delay = tonumber(ARGV[1])
local jan_1_2017 = 1483228800
local now = redis.call("TIME")
now = (now[1] - jan_1_2017) + (now[2] / 1000000)

local function tat_of(key)
  local tat = redis.call("GET", key)
  if not tat then
    return now
  end
  return math.max(tonumber(tat), now)
end

local function write(key, tat)
  local reset_after = tat - now
  if reset_after > 0 then
    redis.call("SET", key, tat, "EX", math.ceil(reset_after))
  end
end

local function argument(i, n)
  return tonumber(ARGV[(i - 1) * 5 + 1 + n])
end

local answers = {}
local function answer(i, taken, remaining, retry_after, reset_after, delay)
  local at = (i - 1) * 5
  answers[at + 1] = taken
  answers[at + 2] = remaining
  answers[at + 3] = tostring(retry_after)
  answers[at + 4] = tostring(reset_after)
  answers[at + 5] = tostring(delay)
end

if max_delay >= 0 then
  for i, key in ipairs(KEYS) do
    local interval = argument(i, 3) / argument(i, 2)
    local offset = interval * argument(i, 1)
    local tat = tat_of(key)
    local new_tat = math.min(tat + interval * argument(i, 4), math.max(tat, now + offset + max_delay))
    local diff = now - (new_tat - offset)
    write(key, new_tat)
    answer(i, argument(i, 4), math.max(0, diff / interval), -1, new_tat - now, math.min(math.max(0, -diff), max_delay))
  end
  return answers
end

local refused = false
local new_tats = {}
for i, key in ipairs(KEYS) do
  local interval = argument(i, 3) / argument(i, 2)
  local offset = interval * argument(i, 1)
  local cost = argument(i, 4)
  local tat = tat_of(key)
  local new_tat = tat + interval * cost
  local diff = now - (new_tat - offset)
  local remaining = diff / interval
  if remaining < 0 then
    refused = true
    answer(i, 0, 0, diff * -1, tat - now, 0)
  else
    local extra = math.min(argument(i, 5) - cost, math.floor(remaining))
    if extra > 0 then
      cost = cost + extra
      remaining = remaining - extra
      new_tat = tat + interval * cost
    end
    new_tats[i] = new_tat
    answer(i, cost, remaining, -1, new_tat - now, 0)
  end
end

for i, key in ipairs(KEYS) do
  if not refused then
    write(key, new_tats[i])
  elseif new_tats[i] then
    local interval = argument(i, 3) / argument(i, 2)
    local tat = tat_of(key)
    answer(i, 0, math.max(0, (now - (tat - interval * argument(i, 1))) / interval), -1, tat - now, 0)
  end
end
return answers

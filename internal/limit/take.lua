-- The generic cell rate algorithm of redis_rate v10 over several keys: all of them are
-- taken from, or none is written. For one key and most = least it computes what
-- redis_rate's own script does, in the same order.
--
-- KEYS  one for each take
-- ARGV  numbers, packed: the longest delay in seconds of what is taken on credit, or -1 to
--       refuse instead, and for each key: interval and offset in seconds, least, most
-- Returns for each key, packed: taken, remaining, retry_after, reset_after, delay
local packed = ARGV[1]
local max_delay = struct.unpack(">d", packed)
local jan_1_2017 = 1483228800
local now = redis.call("TIME")
now = (now[1] - jan_1_2017) + (now[2] / 1000000)

local function asked(i)
  return struct.unpack(">dddd", packed, 32 * i - 23)
end

local function tat_of(key)
  return math.max(tonumber(redis.call("GET", key) or now), now)
end

local function write(key, tat)
  local reset_after = tat - now
  if reset_after > 0 then
    redis.call("SET", key, tat, "EX", math.ceil(reset_after))
  end
end

local answers = {}
local function answer(i, taken, remaining, retry_after, reset_after, delay)
  answers[i] = struct.pack(">ddddd", taken, remaining, retry_after, reset_after, delay)
end

if max_delay >= 0 then
  for i, key in ipairs(KEYS) do
    local interval, offset, cost = asked(i)
    local tat = tat_of(key)
    local new_tat = math.min(tat + interval * cost, math.max(tat, now + offset + max_delay))
    local diff = now - (new_tat - offset)
    write(key, new_tat)
    answer(i, cost, math.max(0, diff / interval), -1, new_tat - now, math.min(math.max(0, -diff), max_delay))
  end
  return table.concat(answers)
end

local refused = false
local new_tats = {}
for i, key in ipairs(KEYS) do
  local interval, offset, cost, most = asked(i)
  local tat = tat_of(key)
  local new_tat = tat + interval * cost
  local diff = now - (new_tat - offset)
  local remaining = diff / interval
  if remaining < 0 then
    refused = true
    answer(i, 0, 0, -diff, tat - now, 0)
  else
    local extra = math.min(most - cost, math.floor(remaining))
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
    local interval, offset = asked(i)
    local tat = tat_of(key)
    answer(i, 0, math.max(0, (now - (tat - offset)) / interval), -1, tat - now, 0)
  end
end
return table.concat(answers)

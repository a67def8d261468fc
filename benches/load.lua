-- The load of every comparison, for wrk. Arguments after --: what to send, the start of the path, how many personas,
-- the format of an identity, the text of a new persona, the entity tag of the first persona, name
-- and value of a further header field (nothing is sent for an empty name).
--   get        reads a random persona
--   zipf       reads a random persona; the one of rank n is read as often as 1/n (Zipf, exponent 1)
--   known      reads the first persona, which the client has already (304)
--   patch/put  changes one small field of a random persona with that method
--   create     makes a persona
-- The last line of output is a JSON object with exact figures, after the word RESULT.

local threads = 0

function setup(thread)
   thread:set("seed", threads)
   threads = threads + 1
end

function init(arguments)
   kind, base, personas, format = arguments[1], arguments[2], tonumber(arguments[3]), arguments[4]
   text = arguments[5]
   -- Another seed for each thread and run, so that no run reads only what the one before has warmed.
   math.randomseed(os.time() * 16 + seed)
   sent = 0
   headers = { ["Content-Type"] = "application/json" }
   known = { ["If-None-Match"] = arguments[6] }
   if arguments[7] and arguments[7] ~= "" then
      for _, fields in ipairs({ headers, known, wrk.headers }) do
         fields[arguments[7]] = arguments[8]
      end
   end
   if kind == "zipf" then
      -- The sum of 1/1 to 1/n for each rank n.
      sums = {}
      local sum = 0
      for rank = 1, personas do
         sum = sum + 1 / rank
         sums[rank] = sum
      end
   end
end

-- A rank at random by Zipf's law, and then a number far from those of its neighbours, so that popular personas do not
-- lie together.
local function popular()
   local wanted, low, high = math.random() * sums[personas], 1, personas
   while low < high do
      local middle = math.floor((low + high) / 2)
      if sums[middle] < wanted then low = middle + 1 else high = middle end
   end
   return (low * 7919) % personas
end

function request()
   sent = sent + 1
   if kind == "create" then
      local name = string.format("Persona %d of %d", sent, seed)
      return wrk.format("POST", base:sub(1, -2), headers, string.format('{"name":"%s","system_prompt":"%s","tags":["bench"]}', name, text))
   end
   if kind == "known" then
      return wrk.format("GET", base .. string.format(format, 0), known)
   end
   local number = kind == "zipf" and popular() or math.random(0, personas - 1)
   local path = base .. string.format(format, number)
   if kind == "get" or kind == "zipf" then
      return wrk.format("GET", path)
   end
   return wrk.format(string.upper(kind), path, headers, string.format('{"nickname":"change %d of %d"}', sent, seed))
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      'RESULT {"requests":%d,"micros":%d,"p50":%d,"p99":%d,"p999":%d,"max":%d,"refused":%d,"broken":%d,"late":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
      errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end

-- The load of every comparison, for wrk. Arguments after --: what to send, the start of the path, how many personas.
--   get        reads a random persona
--   known      reads a random persona that the client has already (304)
--   patch/put  changes one small field of a random persona with that method
-- The last line of output is a JSON object with exact figures, after the word RESULT.

local threads = 0

function setup(thread)
   thread:set("seed", threads)
   threads = threads + 1
end

function init(arguments)
   kind, base, personas = arguments[1], arguments[2], tonumber(arguments[3])
   -- Another seed for each thread and run, so that no run reads only what the one before has warmed.
   math.randomseed(os.time() * 16 + seed)
   sent = 0
   headers = { ["Content-Type"] = "application/json" }
   known = { ["If-None-Match"] = '"1"' }
end

function request()
   sent = sent + 1
   local path = string.format("%s00000000-0000-7000-8000-%012x", base, math.random(0, personas - 1))
   if kind == "get" then
      return wrk.format("GET", path)
   elseif kind == "known" then
      return wrk.format("GET", path, known)
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

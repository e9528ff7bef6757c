-- What wrk sends: the requests of a file, one a line: method, path, authorization, body, with tabs between.
-- One line is sent again and again; of many, each in turn. With "chain", a line is the first refresh of a
-- session, and the token of each answer is the next one's. Prints what was measured as JSON.

local requests, first, last, chained = {}, 1, 0, false

local function format(line)
   local method, path, authorization, body = line:match("^(%S+)\t(%S+)\t([^\t]*)\t(.*)$")
   local headers = { Host = wrk.headers["Host"] }
   if authorization ~= "" then headers["Authorization"] = authorization end
   if body ~= "" then headers["Content-Type"] = "application/json" end
   return wrk.format(method, path, headers, body ~= "" and body or nil)
end

local function next_of_many()
   local index = first
   first = first % last + 1
   return requests[index]
end

local function next_of_chain()
   local index = first
   first = first + 1
   local request = requests[index]
   requests[index] = nil
   return request
end

local function continue_chain(status, _, body)
   local token = status == 200 and body:match('"refresh_token":"([^"]+)"')
   if token then
      last = last + 1
      requests[last] = format('POST\t/v1/refresh\t\t{"refresh_token":"' .. token .. '"}')
   end
end

function init(args)
   chained = args[2] == "chain"
   for line in io.lines(args[1]) do
      last = last + 1
      requests[last] = format(line)
   end
   if chained then
      request, response = next_of_chain, continue_chain
   elseif last > 1 then
      request = next_of_many
   else
      wrk.format = function() return requests[1] end
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

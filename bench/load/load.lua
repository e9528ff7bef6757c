-- What wrk sends: the requests of a file, one a line: method, path, authorization, body, with tabs between.
-- With "cycle", over and over; with "refresh", a line is the first refresh of a session, and the token of each
-- answer is the next one's; with "sign_in_and_out", the only line is a sign-in, and each session it opens is
-- signed out. Prints what was measured as JSON.

local requests, first, last = {}, 1, 0

local function format(line)
   local method, path, authorization, body = line:match("^(%S+)\t(%S+)\t([^\t]*)\t(.*)$")
   local headers = { Host = wrk.headers["Host"] }
   if authorization ~= "" then headers["Authorization"] = authorization end
   local kind = body:sub(1, 1) == "{" and "json" or "x-www-form-urlencoded"
   if body ~= "" then headers["Content-Type"] = "application/" .. kind end
   return wrk.format(method, path, headers, body ~= "" and body or nil)
end

local function push(line)
   last = last + 1
   requests[last] = format(line)
end

local function pop()
   local request = requests[first]
   requests[first] = nil
   first = first + 1
   return request
end

local orders = {}

function orders.cycle()
   if last == 1 then
      wrk.format = function() return requests[1] end
      return
   end
   request = function()
      local index = first
      first = first % last + 1
      return requests[index]
   end
end

function orders.refresh()
   request = pop
   response = function(status, _, body)
      local token = status == 200 and body:match('"refresh_token":"([^"]+)"')
      if token then push('POST\t/v1/refresh\t\t{"refresh_token":"' .. token .. '"}') end
   end
end

function orders.sign_in_and_out()
   local login = pop()
   request = function() return first <= last and pop() or login end
   response = function(status, _, body)
      local token = status == 200 and body:match('"access_token":"([^"]+)"')
      if token then push("POST\t/v1/logout\tBearer " .. token .. "\t") end
   end
end

function init(args)
   for line in io.lines(args[1]) do push(line) end
   orders[args[2]]()
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

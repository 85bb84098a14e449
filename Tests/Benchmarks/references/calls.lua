-- The same call again and again, for wrk: the body is its first argument.
function init(arguments)
  wrk.method = "POST"
  wrk.body = arguments[1]
  wrk.headers["content-type"] = "application/json"
  wrk.headers["accept"] = "text/event-stream"
  wrk.headers["authorization"] = "Bearer key"
  request = wrk.format()
  wrk.request = function() return request end
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('{"calls":%d,"failed":%d}', summary.requests, failed))
end

// Another process on the same journal, for tests of what processes do to each other.
import AstroCore
import AstroJournal
import AstroLimits
import Glibc

struct KernelClock: AstroCore.Clock {
  func now() -> Moment {
    func microseconds(_ clock: clockid_t) -> Int64 {
      var time = timespec()
      clock_gettime(clock, &time)
      return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
    return Moment(wall: Timestamp(microseconds: microseconds(CLOCK_REALTIME)), boot: microseconds(7))  // CLOCK_BOOTTIME
  }
}

/// One line, in one write, at once: the other side may kill us right after.
func say(_ text: String) {
  let bytes = Array("\(text)\n".utf8)
  precondition(write(STDOUT_FILENO, bytes, bytes.count) == bytes.count)
}

/// Returns when the other side closes our stdin.
func waitForEnd() {
  var byte: UInt8 = 0
  while read(STDIN_FILENO, &byte, 1) > 0 {}
}

let arguments = CommandLine.arguments
let journal = try Journal.open(dataDirectory: arguments[2], bootID: "this boot", clock: KernelClock())

switch arguments[1] {
case "count":
  // Adds 1 so many times, or for ever, and tells of each one that is durable.
  let times = Int(arguments[3]) ?? .max
  var done = 0
  while done < times {
    try journal.commit { try $0.add(series: ["n": 1]) }
    done += 1
    say("\(done)")
  }
case "hold":
  // Stays inside a transaction that has changed something.
  try journal.commit { transaction in
    try transaction.set(meta: "held", to: "yes")
    say("inside")
    waitForEnd()
  }
case "hammer":
  // Asks without a pause until it was granted so often; tells when each grant was.
  let window = RateWindow(maxRequests: Int64(arguments[3]) ?? 0, window: .microseconds(Int64(arguments[4]) ?? 0))
  let limits = RateLimits(configured: ["api_calls": .window(window)])
  var grants = 0
  while grants < Int(arguments[5]) ?? 0 {
    let (verdict, now) = try journal.commit { transaction in
      (try limits.consume("api_calls", key: "alice", in: transaction), transaction.now)
    }
    guard verdict.allowed else { continue }
    grants += 1
    say("\(now.boot)")
  }
default: fatalError("unknown verb \(arguments[1])")
}
journal.close()

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
case "churn":
  // Inserts runs of its own with their contents and forgets the oldest, so that pages are split, freed and used again, until
  // the other side closes our stdin; then tells how many. It ends at once when a commit that returned is not to be found.
  let name = arguments[3]
  func identifier(_ number: Int) -> WorkflowID { WorkflowID(unchecked: "\(name)-\(number)") }
  func content(_ number: Int) -> [UInt8] {
    [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number * 7919 % 12_000)
  }
  let (kept, checkedEvery) = (200, 50)
  var count = 0
  var end = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
  while poll(&end, 1, 0) == 0 {
    count += 1
    try journal.commit { transaction in
      var run = RunRecord(
        id: identifier(count), name: name, user: "peer", state: .succeeded, file: Array(name.utf8),
        fileExtension: "yaml", sha256: String(count), submittedAt: transaction.now.wall,
        claimedAt: transaction.now.wall)
      run.isSettled = true
      try transaction.insert(run, content: content(count))
      try transaction.add(series: [name: 1])
      if count > kept { _ = try transaction.delete(identifier(count - kept)) }
    }
    guard count % checkedEvery == 0 else { continue }
    let number = max(1, count - checkedEvery)
    let (found, total) = try journal.read { (try $0.content(identifier(number)), try $0.series()[name]) }
    guard found == content(number), total == Double(count) else {
      say(
        "lost: of \(count) commits the journal knows \(total ?? 0), and of content \(number) \(found?.count ?? -1) bytes"
      )
      exit(1)
    }
  }
  say("\(count)")
default: fatalError("unknown verb \(arguments[1])")
}
journal.close()

import AstroCore
import AstroJournal
import AstroLimits
import Glibc

/// Decisions of one limiter under one key, through a real journal: each transaction is on disk before the next begins.
struct Grants {
  /// So many decisions, and then on until `leastNanoseconds` have passed.
  let decisions: Int
  let leastNanoseconds: Int64
  /// Decisions to a transaction.
  let batch: Int
  let maxRequests: Int64
  let window: Duration

  /// Prints how long it took. Writes the boot time of every grant, in microseconds, as little-endian integers to
  /// `timesFile`: with those of the other processes they show whether any window held too many.
  func measure(dataDirectory: String, timesFile: String) throws {
    let journal = try Journal.open(dataDirectory: dataDirectory, bootID: bootID(), clock: BootClock())
    defer { journal.close() }
    let limits = RateLimits(configured: ["api_calls": .window(RateWindow(maxRequests: maxRequests, window: window))])
    var times: [Int64] = []
    times.reserveCapacity(decisions)
    var decided = 0
    let start = monotonicNow()
    while decided < decisions || monotonicNow() - start < leastNanoseconds {
      let count = decided < decisions ? min(batch, decisions - decided) : batch
      decided += count
      times += try journal.commit { transaction in
        var granted: [Int64] = []
        for _ in 0..<count
        where try limits.consume("api_calls", key: "benchmark", in: transaction).allowed {
          granted.append(transaction.now.boot)
        }
        return granted
      }
    }
    let end = monotonicNow()
    try write(times, to: timesFile)
    print(
      """
      {"decisions":\(decided),"granted":\(times.count),"start_ns":\(start),"end_ns":\(end)}
      """)
  }

  private func write(_ times: [Int64], to path: String) throws {
    guard let file = fopen(path, "w") else { throw Unwritable(path: path, errno: errno) }
    let written = times.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
    guard fclose(file) == 0, written == times.count * 8 else { throw Unwritable(path: path, errno: errno) }
  }

  private func bootID() -> String {
    guard let file = fopen("/proc/sys/kernel/random/boot_id", "r") else { return "unknown" }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 36)
    let length = fread(&buffer, 1, buffer.count, file)
    return String(decoding: buffer[..<length], as: UTF8.self)
  }

  struct Unwritable: Error {
    let path: String
    let errno: Int32
  }
}

/// The clocks a runner uses: limits are charged in boot time.
struct BootClock: AstroCore.Clock {
  func now() -> Moment {
    var wall = timespec()
    var boot = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    clock_gettime(CLOCK_BOOTTIME, &boot)
    return Moment(wall: Timestamp(microseconds: microseconds(wall)), boot: microseconds(boot))
  }

  private func microseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000 }
}

import AstroCore
import AstroLimits
import AstroTestKit
import Testing

struct SlidingLogEncodingTests {
  private func sample() -> SlidingLog {
    let window = RateWindow(maxRequests: 1_000_000, window: .seconds(60))
    var log = SlidingLog()
    for step in 0..<40 as Range<Int64> { _ = log.consume(step * 1000 + 1, at: step * 500_000, in: window) }
    log.block(until: 99_000_000)
    return log
  }

  @Test func readsBackWhatItWrote() throws {
    #expect(try SlidingLog(decoding: sample().encoded) == sample())
    #expect(try SlidingLog(decoding: SlidingLog().encoded) == SlidingLog())
  }

  @Test func keepsTimesBeforeTheBootThatCountsThem() throws {
    var log = SlidingLog()
    let window = RateWindow(maxRequests: 5, window: .seconds(60))
    _ = log.consume(2, at: -3_000_000, in: window)
    log.block(until: -1)
    #expect(try SlidingLog(decoding: log.encoded) == log)
  }

  @Test func aFullLogTakesAtMost3KiB() {
    let window = RateWindow(maxRequests: 1_000_000, window: .seconds(60))
    var log = SlidingLog()
    for time in stride(from: Int64(0), to: 60_000_000, by: 60_000) { _ = log.consume(9, at: time, in: window) }
    #expect(log.entries.count > 200)
    #expect(log.encoded.count <= 3 * 1024)
  }

  @Test func everyCutIsAnError() {
    let bytes = sample().encoded
    for length in bytes.indices {
      #expect(throws: SlidingLog.MalformedLog.self) { try SlidingLog(decoding: bytes[..<length]) }
    }
  }

  @Test func garbageIsAnErrorOrASoundLogButNeverACrash() {
    var dice = SplitMix64(seed: 7)
    let bytes = sample().encoded
    for _ in 0..<5_000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &dice) {
        damaged[Int.random(in: damaged.indices, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
      }
      guard let log = try? SlidingLog(decoding: damaged) else { continue }
      if log.total != log.entries.reduce(0, { $0 + $1.weight }) { Issue.record("its sum is wrong: \(damaged)") }
      // Its numbers are bounded: arithmetic on them cannot trap.
      let stored = StoredLog(
        log: log, bootID: "a", written: Moment(wall: Timestamp(microseconds: .min), boot: .max))
      var moved = stored.log(on: "b", at: Moment(wall: Timestamp(microseconds: 1 << 60), boot: 5))
      _ = moved.consume(1, at: 5, in: RateWindow(maxRequests: 3, window: .seconds(60)))
    }
  }

  @Test(
    arguments: [
      ([], "it is empty"), ([9], "version 9 is not known"), ([1, 0, 0, 7], "bytes follow its end"),
      ([1, 0, 5], "it ends too early"), ([1, 0, 1, 2, 0, 0], "its weights are absurd"),
      ([1, 0, 2, 2, 0, 1, 1, 0, 1], "its entries are out of order"),
      ([1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02, 0], "a number is too long"),
      ([1, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0], "a time is absurd"),
    ] as [([UInt8], String)])
  func saysWhatIsWrong(bytes: [UInt8], reason: String) {
    let error = #expect(throws: SlidingLog.MalformedLog.self) { try SlidingLog(decoding: bytes) }
    #expect(error?.reason == reason)
  }
}

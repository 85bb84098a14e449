import Glibc

/// The kinds of statement that are told apart in metrics.
public enum QueryOperation: String, Sendable, CaseIterable { case select, insert, update, delete }

/// How often and how long statements of one kind ran.
public struct QueryStatistics: Sendable, Equatable {
  /// Upper bounds of ``buckets`` in seconds, inclusive.
  public static let bounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]

  public var count = 0
  /// The sum of all durations.
  public var seconds = 0.0
  /// How many took at most the bound at the same position *and more than the bound before*; one more for the rest.
  public var buckets = [Int](repeating: 0, count: bounds.count + 1)

  public init() {}

  mutating func observe(_ nanoseconds: UInt64) {
    let duration = Double(nanoseconds) / 1e9
    count += 1
    seconds += duration
    buckets[Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count] += 1
  }
}

/// What one journal did since it was last asked.
public struct JournalStatistics: Sendable, Equatable {
  /// Every statement that read or changed a table. BEGIN, COMMIT, pragmas and migrations are not among them.
  public var queries: [QueryOperation: QueryStatistics] = [:]
  /// Every COMMIT, with its fsync and any checkpoint inside it: where a slow disk shows.
  public var commits = QueryStatistics()

  public init() {}
}

/// CLOCK_MONOTONIC in nanoseconds, for measuring only.
func monotonicNanoseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

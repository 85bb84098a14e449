public import AstroCore

/// How many files are where, for metrics.
public struct SpoolCounts: Sendable, Equatable {
  /// Candidates in `spool/`.
  public var waiting = 0
  /// When the longest waiting of them was last modified; of the first ``Spool/agedAtMost`` in directory order when more
  /// wait. `nil` when none does.
  public var oldestWaiting: Timestamp?
  /// Files of runs in each sub-directory; receipts are not counted.
  public var settled: [Place: Int] = [:]
}

/// What earlier counts found. A directory whose times have not changed since has the same number of files, so the
/// settled thousands are not listed again at every interval.
struct Census {
  private struct Count {
    var identity: FileIdentity
    var files: Int
  }
  private var counts: [Place: Count] = [:]

  mutating func files(in directory: Directory, _ place: Place, at now: Timestamp) throws(Failure) -> Int {
    let identity = try directory.descriptor.status(of: directory.path).identity
    if let known = counts[place], known.identity == identity { return known.files }
    var files = 0
    try directory.visit { (name, _) throws(Failure) in
      if SubmissionFormat.parse(name) != nil { files += 1 }
      return .goOn
    }
    // Times have the grain of a clock tick: a change just now may be followed by another that shows the same time.
    let age = now - Timestamp(microseconds: identity.modifiedNanoseconds / 1000)
    counts[place] = age > .seconds(1) ? Count(identity: identity, files: files) : nil
    return files
  }
}

extension Spool {
  /// How many waiting files are asked for their age at most, so that a count never holds up the loop for long.
  public static let agedAtMost = 10_000

  /// Counts the files everywhere. Costs one listing of `spool/` and of each sub-directory that changed.
  public func counts() throws(Failure) -> SpoolCounts {
    var counts = SpoolCounts()
    let now = clock.now().wall
    for place in Place.allCases {
      counts.settled[place] = try census.files(in: places[place], place, at: now)
    }
    try visit { entry throws(Failure) in
      guard case .candidate = entry.kind else { return .goOn }
      counts.waiting += 1
      guard counts.waiting <= Self.agedAtMost, let status = try places.spool.status(of: entry.name) else {
        return .goOn
      }
      counts.oldestWaiting = min(counts.oldestWaiting ?? status.modifiedAt, status.modifiedAt)
      return .goOn
    }
    return counts
  }
}

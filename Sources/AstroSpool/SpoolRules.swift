/// When a file in the spool counts as complete.
public struct SpoolRules: Sendable, Equatable {
  /// A file that does not end in a newline is refused as a cut-off copy after ``newlineGrace``.
  public var requireFinalNewline: Bool
  /// Larger files are refused by their size, unread. Bytes.
  public var maxBytes: Int64
  /// How long size and times must stand still where the kernel cannot say whether somebody is writing.
  public var restPeriod: Duration
  /// How long something that looks wrong is given to become right: a missing last newline, an odd name that a program
  /// may be about to rename, a hard link whose other name may be about to go, a mode that keeps us from reading.
  public var newlineGrace: Duration
  /// How long an empty file is given to be filled.
  public var emptyGrace: Duration
  /// For how long a file may fail to be read, at growing distances, before it is refused.
  public var damageGrace: Duration
  /// When to look again at a file that somebody holds open for writing. Its close wakes a watcher anyway; this serves
  /// those that poll.
  public var writerRecheck: Duration

  public init(
    requireFinalNewline: Bool = true, maxBytes: Int64 = 64 << 20, restPeriod: Duration = .seconds(2),
    newlineGrace: Duration = .seconds(5), emptyGrace: Duration = .seconds(60), damageGrace: Duration = .seconds(60),
    writerRecheck: Duration = .seconds(1)
  ) {
    self.requireFinalNewline = requireFinalNewline
    self.maxBytes = maxBytes
    self.restPeriod = restPeriod
    self.newlineGrace = newlineGrace
    self.emptyGrace = emptyGrace
    self.damageGrace = damageGrace
    self.writerRecheck = writerRecheck
  }
}

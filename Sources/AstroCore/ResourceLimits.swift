/// What an attempt may use at most, all its processes together.
public struct ResourceLimits: Sendable, Equatable {
  /// Processors: so many seconds of their time in each second. `nil` is no limit.
  public var cpus: Double?
  /// Bytes. `nil` is no limit.
  public var memory: Int64?

  public init(cpus: Double? = nil, memory: Int64? = nil) {
    self.cpus = cpus
    self.memory = memory
  }

  /// Less than this no program starts in.
  public static let leastMemory: Int64 = 1 << 20
  /// 1 PiB: more was not meant.
  public static let mostMemory: Int64 = 1 << 50
  public static let cpuRange = 0.01...4096.0
}

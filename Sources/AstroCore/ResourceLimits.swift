/// What an attempt may use at most, all its processes together.
public struct ResourceLimits: Sendable, Equatable {
  /// Processors: so many seconds of their time in each second. `nil` is no limit.
  public var cpus: Double?
  /// Bytes. `nil` is no limit.
  public var memory: Int64?

  /// Processes and threads at a time. `nil` is no limit.
  public var processes: Int?

  public init(cpus: Double? = nil, memory: Int64? = nil, processes: Int? = nil) {
    self.cpus = cpus
    self.memory = memory
    self.processes = processes
  }

  /// Less than this no program starts in.
  public static let leastMemory: Int64 = 1 << 20
  /// 1 PiB: more was not meant.
  public static let mostMemory: Int64 = 1 << 50
  public static let cpuRange = 0.01...4096.0
  /// Linux numbers no more of them (proc_sys_kernel(5), pid_max).
  public static let processRange = 1...4_194_304
}

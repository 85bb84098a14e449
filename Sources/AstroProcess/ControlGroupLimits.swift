import AstroCore
import Glibc

/// What the groups of one attempt hold it to. They are made for it, and removed with it.
struct ControlGroupLimits {
  /// Groups of version 1 that the command has to join.
  private(set) var directories: [String] = []
  /// Where its memory is counted; nil when memory is not limited by a group.
  private(set) var memory: (directory: String, layout: ControlGroup.Layout)?

  /// Whether its processes are counted.
  private(set) var boundsProcesses = false

  /// Sets what is asked, as far as the hierarchies allow.
  /// - Parameters:
  ///   - group: the attempt's group of version 2, and the controllers it has.
  ///   - legacy: makes a group of version 1 for a controller; nil when there can be none.
  init(
    _ asked: Confinement, group: String, controllers: Set<String>, legacy: (String) -> String?
  ) {
    if let bytes = asked.memory {
      if controllers.contains("memory") {
        ControlFile.write("0", to: group + "/memory.swap.max")
        ControlFile.write("1", to: group + "/memory.oom.group")
        if ControlFile.write(String(bytes), to: group + "/memory.max") { memory = (group, .unified) }
      } else if let directory = legacy("memory") {
        directories.append(directory)
        if ControlFile.write(String(bytes), to: directory + "/memory.limit_in_bytes") { memory = (directory, .freezer) }
        ControlFile.write(String(bytes), to: directory + "/memory.memsw.limit_in_bytes")
      }
    }
    if let count = asked.processes {
      let directory = controllers.contains("pids") ? group : legacy("pids")
      if let directory {
        if directory != group { directories.append(directory) }
        boundsProcesses = ControlFile.write(String(count), to: directory + "/pids.max")
      }
    }
    if let share = asked.cpus {
      let quota = max(1000, Int((share * Double(Self.period)).rounded()))
      if controllers.contains("cpu") {
        ControlFile.write("\(quota) \(Self.period)", to: group + "/cpu.max")
      } else if let directory = legacy("cpu") {
        directories.append(directory)
        ControlFile.write(String(Self.period), to: directory + "/cpu.cfs_period_us")
        ControlFile.write(String(quota), to: directory + "/cpu.cfs_quota_us")
      }
    }
  }

  /// Lets the attempt have all processors.
  func liftProcessors(of group: String) {
    ControlFile.write("max", to: group + "/cpu.max")
    for directory in directories { ControlFile.write("-1", to: directory + "/cpu.cfs_quota_us") }
  }

  /// Microseconds: the usual one.
  private static let period = 100_000

  var peakKiB: Int64? {
    memory.flatMap { memory in
      ControlFile.number(
        in: memory.directory + (memory.layout == .unified ? "/memory.peak" : "/memory.max_usage_in_bytes"))
    }.map { $0 >> 10 }
  }

  /// Whether the kernel killed something in it for want of memory.
  var ranOut: Bool {
    memory.flatMap { memory in
      ControlFile.number(
        "oom_kill", in: memory.directory + (memory.layout == .unified ? "/memory.events" : "/memory.oom_control"))
    } ?? 0 > 0
  }
}

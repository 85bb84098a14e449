import AstroCore
import Glibc

/// Processes of ended commands outside their group: daemons, children of setsid(1), whatever forked twice. The kernel
/// makes them children of the warden, its nearest subreaper, one generation at a time.
///
/// Whose they are is told by the variables of their attempt. A process without them is nobody's and is left alone here; the
/// control group of its attempt, where there is one, has it killed all the same.
struct Orphans: ~Copyable {
  /// `/proc/self/task/<tid>/children` (proc_pid_task_children(5)), complete for the process that reaps them; nil on a
  /// kernel built without it, where only groups are swept.
  private let list: Descriptor?
  private var owners: [Int32: AttemptKey] = [:]
  /// Killed or exiting, and not yet reaped: their own children come to the warden at that moment.
  private var dying: Set<Int32> = []
  /// In the middle of execve(2), so that it cannot be seen yet whose they are.
  private var becoming: Set<Int32> = []

  init() { list = Descriptor(opening: "/proc/self/task/\(getpid())/children", O_RDONLY) }

  /// Whether some are still to be reaped or seen. A warden that left before would let them, or their children, go to
  /// init.
  var areLeft: Bool { !dying.isEmpty || !becoming.isEmpty }
  /// Whether to sweep again in a moment, though nothing may have happened by then.
  var areUnclear: Bool { !becoming.isEmpty }

  /// To be told of every process that was reaped and is no command: its number may belong to another from now on.
  mutating func forget(_ pid: Int32) {
    dying.remove(pid)
    becoming.remove(pid)
    owners[pid] = nil
  }

  /// Kills what attempts that do not run any more have left.
  mutating func sweep(commands: [Int32: WardenChild], running: [AttemptKey: Int32]) {
    becoming.removeAll()
    for pid in strangers(commands) where !dying.contains(pid) {
      if owners[pid] == nil { identify(pid) }
      guard let owner = owners[pid], running[owner] == nil else { continue }
      // Unreaped, so neither number can be another's: a group of this number is the one that this process began.
      kill(-pid, SIGKILL)
      kill(pid, SIGKILL)
      dying.insert(pid)
    }
  }

  /// Children of the warden that are no commands. Mostly there are none, which the number of entries tells.
  private func strangers(_ commands: [Int32: WardenChild]) -> [Int32] {
    guard let bytes = children, bytes.count(where: { $0 == UInt8(ascii: " ") }) > commands.count else { return [] }
    return bytes.split(separator: UInt8(ascii: " ")).compactMap { entry in
      Int32(String(decoding: entry, as: UTF8.self)).flatMap { commands[$0] == nil ? $0 : nil }
    }
  }

  private var children: [UInt8]? {
    switch list {
    case .none: nil
    case .some(let list): lseek(list.number, 0, SEEK_SET) == 0 ? list.readAll() : nil
    }
  }

  private mutating func identify(_ pid: Int32) {
    switch ProcessEnvironment.read(pid) {
    case .variables(let bytes): owners[pid] = Self.owner(bytes)
    case .becoming, .unavailable: becoming.insert(pid)
    case .hidden: break
    }
    guard owners[pid] == nil, !becoming.contains(pid), ProcessStatus(pid: pid)?.isEnding != false else { return }
    dying.insert(pid)
  }

  private static func owner(_ environment: [UInt8]) -> AttemptKey? {
    var values: [String: String] = [:]
    for variable in environment.split(separator: 0) where variable.starts(with: Array("ASTRO_".utf8)) {
      let parts = variable.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 {
        values[String(decoding: parts[0], as: UTF8.self)] = String(decoding: parts[1], as: UTF8.self)
      }
    }
    guard let workflow = values["ASTRO_WORKFLOW_ID"], let task = values["ASTRO_TASK_ID"],
      let number = values["ASTRO_ATTEMPT"].flatMap({ Int($0) })
    else { return nil }
    return AttemptKey(workflow: WorkflowID(unchecked: workflow), task: task, number: number)
  }
}

import CLinux
import Glibc

/// Starts commands, each with all that they share: a process group of its own, no signal blocked, every disposition the
/// default, standard input /dev/null unless it is given something to read, output appended to scratch files, and a higher place on the kernel's list of those to
/// kill when memory runs out than the warden, whose end would lose every attempt.
struct CommandSpawner: ~Copyable {
  private var openFiles = OpenFileLimit()
  private let oomScore = OOMScore()

  init() { openFiles.raise() }

  /// What to run, as pointers into the frame it came in.
  struct Command {
    let workdir: UnsafeMutablePointer<CChar>
    let confinement: Confinement
    /// What it reads on standard input; empty is /dev/null.
    let input: UnsafeMutablePointer<CChar>
    /// argv and envp, each with its final null.
    let arguments: [UnsafeMutablePointer<CChar>?]
    let environment: [UnsafeMutablePointer<CChar>?]
    /// At which end of the warden's it starts; 0 is now, nil a number that is none.
    let end: UInt64?

    /// nil when the frame does not hold as many strings as it says, or no program.
    init?(_ frame: WireFrame) {
      let argumentCount = Int(frame.first)
      let variableCount = Int(frame.second)
      guard argumentCount > 0, variableCount >= 0,
        let strings = frame.pointers(count: 3 + argumentCount + variableCount + (frame.kind == .hold ? 1 : 0)),
        let confinement = Confinement(parsing: String(cString: strings[1]))
      else { return nil }
      workdir = strings[0]
      self.confinement = confinement
      input = strings[2]
      arguments = strings[3...].prefix(argumentCount).map(Optional.some) + [nil]
      environment = strings[(3 + argumentCount)...].prefix(variableCount).map(Optional.some) + [nil]
      end = frame.kind == .hold ? UInt64(String(cString: strings[strings.count - 1])) : 0
    }

    /// Those variables by which its processes are told from others, with a final null.
    fileprivate var marks: [UnsafePointer<CChar>?] {
      let names = ProcessTree.markerNames.map { $0 + "=" }
      let marks = environment.filter { variable in
        variable.map { text in names.contains { strncmp(text, $0, strlen($0)) == 0 } } ?? false
      }
      return marks.map { UnsafePointer($0) } + [nil]
    }

    var program: String { arguments.first.flatMap { $0 }.map { String(cString: $0) } ?? "" }
    var directory: String { String(cString: workdir) }
  }

  /// Where a command's stream goes.
  enum Sink {
    /// Appended to.
    case file(String)
    /// Our descriptor, which stays ours.
    case descriptor(Int32)

    fileprivate var path: String {
      switch self {
      case .file(let path): path
      case .descriptor: ""
      }
    }

    fileprivate var descriptor: Int32 {
      switch self {
      case .file: -1
      case .descriptor(let number): number
      }
    }
  }

  enum Outcome {
    case started(pid: Int32)
    case failed(SpawnFailure)
  }

  /// Starts `command`. If the caller is killed during the call, the child either dies or runs the command; the start
  /// record written before says that it may. Every descriptor of the warden is close-on-exec, and a child that has not
  /// reached execve(2) gives up the warden's lock before only when it is in a control group, or shows its command's
  /// marks in /proc already. When that lock is free, a successor therefore finds each command by one of the two.
  func spawn(_ command: Command, stdout: Sink, stderr: Sink, in group: ControlGroup? = nil) -> Outcome {
    oomScore.raised {
      start(
        command, command.arguments, command.environment, stdout.path, stderr.path,
        (stdout.descriptor, stderr.descriptor), group?.joined ?? [], group)
    }
  }

  /// The pointers are those of the arrays and strings that the caller passes.
  private func start(
    _ command: Command, _ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>,
    _ environment: UnsafePointer<UnsafeMutablePointer<CChar>?>, _ stdout: UnsafePointer<CChar>,
    _ stderr: UnsafePointer<CChar>, _ pipes: (Int32, Int32), _ joined: UnsafePointer<Int32>, _ group: ControlGroup?
  ) -> Outcome {
    var call = clinux_command()
    call.arguments = arguments
    call.environment = environment
    call.directory = UnsafePointer(command.workdir)
    call.input = -1
    call.outputs = (stdout, stderr)
    call.pipes = pipes
    // In memory: nobody would be there to fill a pipe when the warden is killed, and what is to be read may be secret.
    let length = strlen(command.input)
    call.input = length > 0 ? clinux_memory_file(command.input, length) : -1
    guard length == 0 || call.input >= 0 else { return .failed(SpawnFailure(step: .files, errno: errno)) }
    defer { if call.input >= 0 { close(call.input) } }
    call.open_files = UInt64(openFiles.inherited.rlim_cur)
    call.most_open_files = UInt64(openFiles.inherited.rlim_max)
    // The limit of a process where no group can hold all of them together to it.
    let isGroupLimited = group?.limits?.memory != nil
    let leaves = command.confinement.isOfGroupsOnly
    call.memory = isGroupLimited || leaves ? .max : command.confinement.memory.map { UInt64($0) } ?? .max
    let isCounted = group?.limits?.boundsProcesses == true
    call.processes = isCounted || leaves ? .max : command.confinement.processes.map { UInt64($0) } ?? .max
    call.cgroup = group?.birthplace ?? -1
    call.groups = joined
    call.group_count = Int32(group?.joined.count ?? 0)
    guard let user = command.confinement.user else { return start(&call) }
    return command.marks.withUnsafeBufferPointer { marks in
      call.marks = marks.baseAddress
      return user.groups.withUnsafeBufferPointer { groups in
        var account = clinux_account(
          uid: user.uid, gid: user.gid, groups: groups.baseAddress, group_count: groups.count)
        return withUnsafePointer(to: &account) {
          call.account = $0
          return start(&call)
        }
      }
    }
  }

  private func start(_ call: inout clinux_command) -> Outcome {
    var pid: Int32 = 0
    var step: Int32 = 0
    let number = clinux_spawn(&call, &pid, &step)
    return number == 0 ? .started(pid: pid) : .failed(SpawnFailure(step: .init(rawValue: step), errno: number))
  }
}

/// What a start failed in, and how.
struct SpawnFailure: Equatable {
  /// `CLINUX_STEP_…`.
  enum Step: Int32 { case clone = 1, group, cgroup, files, limits, account, directory, program }

  let step: Step?
  let errno: Int32

  /// The control group was refused, not the command: by a kernel before 5.7, a container's filter, or for want of rights.
  /// Not when processes, memory or descriptors are short for the moment, with or without a group.
  var isOfGroup: Bool {
    step == .cgroup || (step == .clone && ![EAGAIN, ENOMEM, EMFILE, ENFILE].contains(errno))
  }

  /// The directory of the control group has been removed; another group will do.
  var isOfRemovedGroup: Bool { isOfGroup && (errno == ENODEV || errno == ENOENT) }
}

import CLinux
import Glibc

/// What a keeper starts.
struct KeptStart {
  let arguments: [String]
  let directory: String
  let user: Confinement.UserNumbers?

  /// Starts it on the keeper's own three streams, which are /dev/null from then on: whoever waits for the end of one waits
  /// for the program alone.
  func spawn() -> CommandSpawner.Outcome {
    let streams = (0...2).map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
    defer { for stream in streams { close(stream) } }
    let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
    for stream: Int32 in 0...2 { dup2(nothing, stream) }
    close(nothing)
    return withCStrings(arguments) { arguments in
      directory.withCString { directory in spawn(arguments, directory, streams) }
    }
  }

  private func spawn(
    _ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, _ directory: UnsafePointer<CChar>, _ streams: [Int32]
  ) -> CommandSpawner.Outcome {
    let openFiles = OpenFileLimit().inherited
    var call = clinux_command()
    call.arguments = arguments
    call.environment = UnsafePointer(environ)
    call.directory = directory
    call.input = streams[0]
    call.pipes = (streams[1], streams[2])
    call.ends_with_caller = 1
    call.open_files = UInt64(openFiles.rlim_cur)
    call.most_open_files = UInt64(openFiles.rlim_max)
    (call.memory, call.processes) = (.max, .max)
    call.cgroup = -1
    guard let user else { return spawn(&call) }
    return user.groups.withUnsafeBufferPointer { groups in
      var account = clinux_account(uid: user.uid, gid: user.gid, groups: groups.baseAddress, group_count: groups.count)
      return withUnsafePointer(to: &account) {
        call.account = $0
        return spawn(&call)
      }
    }
  }

  private func spawn(_ call: inout clinux_command) -> CommandSpawner.Outcome {
    var pid: Int32 = 0
    var step: Int32 = 0
    let number = clinux_spawn(&call, &pid, &step)
    return number == 0 ? .started(pid: pid) : .failed(SpawnFailure(step: .init(rawValue: step), errno: number))
  }
}

import AstroCore
import CLinux
import Glibc

/// A program that must not outlive the runner.
public struct KeptProgram: Sendable {
  /// `arguments[0]` is the program: an absolute path; that of another user's may also be a name, looked up in the PATH of
  /// the environment as that user.
  public var arguments: [String]
  /// The whole environment, `NAME=value` each.
  public var environment: [String]
  /// Absolute.
  public var directory: String
  /// Whom it runs as; `nil` is the runner's own user.
  public var user: Confinement.UserNumbers?

  public init(
    arguments: [String], environment: [String], directory: String, user: Confinement.UserNumbers? = nil
  ) {
    self.arguments = arguments
    self.environment = environment
    self.directory = directory
    self.user = user
  }
}

/// How keepers are started.
public struct KeeperCommand: Sendable {
  let executable: String
  let verb: [String]

  /// - Parameter verb: what `executable` is to be told so that it calls ``Keeper/main(arguments:)`` with what follows.
  public init(executable: String, verb: [String] = ["keeper"]) {
    self.executable = executable
    self.verb = verb
  }

  /// Our ends, non-blocking and close-on-exec.
  struct Ends {
    let keeper: Int32
    let socket: Int32
    let input: Int32
    let output: Int32
    let errors: Int32
  }

  /// Spawns the keeper of a program, with the program's three streams and the socket as descriptor 3.
  func spawn(_ program: KeptProgram) throws(Failure) -> Ends {
    var channels: [(ours: Int32, theirs: Int32)] = []
    defer { for channel in channels { close(channel.theirs) } }
    do throws(Failure) {
      channels.append(try Self.pipe(oursReads: false))
      channels.append(try Self.pipe(oursReads: true))
      channels.append(try Self.pipe(oursReads: true))
      guard let pair = SocketStream.pair() else { throw .kernel(.unavailable, executable, "cannot make a socket") }
      channels.append((pair.0, pair.1))
      let pid = try spawn(program, channels.map(\.theirs))
      return Ends(
        keeper: pid, socket: channels[3].ours, input: channels[0].ours, output: channels[1].ours,
        errors: channels[2].ours)
    } catch {
      for channel in channels { close(channel.ours) }
      throw error
    }
  }

  private static func pipe(oursReads: Bool) throws(Failure) -> (ours: Int32, theirs: Int32) {
    var ends: [Int32] = [-1, -1]
    guard clinux_pipe(&ends) == 0 else { throw .kernel(.unavailable, "a pipe", "cannot be made") }
    let (ours, theirs) = oursReads ? (ends[0], ends[1]) : (ends[1], ends[0])
    // Only of this end: programs expect to wait for theirs.
    _ = fcntl(ours, F_SETFL, O_NONBLOCK)
    _ = fcntl(theirs, F_SETFL, 0)
    return (ours, theirs)
  }

  private func spawn(_ program: KeptProgram, _ streams: [Int32]) throws(Failure) -> Int32 {
    var confinement = Confinement()
    confinement.user = program.user
    let options = ["--socket", "3", "--directory", program.directory, "--confinement", confinement.text, "--"]
    return try Companion(
      title: "a keeper", arguments: [executable] + verb + options + program.arguments,
      environment: program.environment, descriptors: streams
    ).spawn()
  }
}

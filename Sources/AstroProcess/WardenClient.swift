public import AstroCore
import CLinux
import Glibc
import Synchronization

/// The runner's side of its warden. Nothing here ever waits: requests and answers are buffered, and ``descriptor`` says
/// when there is something to do. Dropping the client closes its end; the warden then stays until its last command
/// has ended.
public final class WardenClient: Launcher {
  private enum State {
    /// No command has been asked for yet. Holds the warden's end of the socket.
    case idle(wardenEnd: Int32)
    /// Spawned, but its greeting has not come. Requests wait for it: a runner that dies before has provably started
    /// nothing.
    case greeting(pid: Int32, backlog: [UInt8])
    case connected(pid: Int32)
    case closed
  }

  public let files: RunnerFiles
  private let executable: String
  private let verb: [String]
  private var state: State
  private var stream: SocketStream
  /// How many ends were told, and the held starts with the number of ends at which each begins, in that order: the
  /// warden counts the same, so both know who takes which slot without a word.
  private var ends: UInt64 = 0
  private var held: [(key: AttemptKey, end: UInt64)] = []
  /// What a warden that could not take up its work said about it.
  private var complaint: String?

  /// Spawns nothing yet: the warden comes with the first command. `executable`, an absolute path, and `verb` are the
  /// program and its first arguments; `/proc/self/exe` stays right when an upgrade replaces the program's file.
  public init(
    executable: String, verb: [String] = ["warden"], dataDirectory: String, runnerID: String
  ) throws(Failure) {
    // The warden works in `/`, so that it keeps no file system busy, and needs the whole path.
    guard let absolute = realpath(dataDirectory, nil) else {
      throw .kernel(.cannotCreate, dataDirectory, "cannot resolve the data directory")
    }
    defer { free(absolute) }
    files = try RunnerFiles(dataDirectory: String(cString: absolute), runnerID: runnerID)
    try files.makeDirectories()
    guard let (own, wardenEnd) = SocketStream.pair() else {
      throw .kernel(.unavailable, "warden", "cannot make a socket pair")
    }
    Self.left.withLock { $0.removeAll { waitpid($0, nil, WNOHANG) != 0 } }
    self.executable = executable
    self.verb = verb
    stream = SocketStream(owning: own)
    state = .idle(wardenEnd: wardenEnd)
  }

  deinit {
    switch state {
    case .idle(let wardenEnd): close(wardenEnd)
    case .greeting(let pid, _), .connected(let pid): Self.left.withLock { $0.append(pid) }
    case .closed: break
    }
  }

  /// Wardens of former clients of this process, which ended later than these: to be reaped by the next client.
  private static let left = Mutex<[Int32]>([])

  public var descriptor: Int32 { stream.number }
  public var wantsWrite: Bool { stream.hasOutput }

  /// The warden's pid while it is known to live.
  var wardenPID: Int32? {
    switch state {
    case .idle, .closed: nil
    case .greeting(let pid, _), .connected(let pid): pid
    }
  }

  /// Throws only when the warden itself cannot be spawned or is gone; what is wrong with a request comes back as
  /// ``LauncherEvent/refused(_:reason:infrastructure:)``.
  public func start(_ requests: [StartRequest]) throws(Failure) {
    guard !requests.isEmpty else { return }
    try spawnWardenIfNeeded()
    submit { frames in
      for request in requests { WireFormat.start(request, atEnd: turn(of: request), to: &frames) }
    }
  }

  /// The end at which a held request starts: the first that no other waits for. nil starts it now; one that is unfit is
  /// refused at once.
  private func turn(of request: StartRequest) -> UInt64? {
    guard request.isHeld, WireFormat.flaw(in: request) == nil else { return nil }
    let end = max(held.last?.end ?? 0, ends) + 1
    held.append((request.key, end))
    return end
  }

  public func release(_ key: AttemptKey) throws(Failure) {
    held.removeAll { $0.key == key }
    submit { WireFormat.release(key, to: &$0) }
  }

  public func withdraw(_ key: AttemptKey) throws(Failure) {
    submit { WireFormat.withdraw(key, to: &$0) }
  }

  public func signal(_ key: AttemptKey, _ signo: Int32) throws(Failure) {
    submit { WireFormat.signal(key, signo, to: &$0) }
  }

  public func receive() throws(Failure) -> [LauncherEvent] {
    if case .closed = state { return [] }
    var events: [LauncherEvent] = []
    flush()
    while true {
      switch stream.receive() {
      case .bytes: try takeLines(into: &events)
      case .nothing: return events
      case .ended:
        end(into: &events)
        return events
      }
    }
  }

  // MARK: Requests

  private func submit(_ write: (inout [UInt8]) -> Void) {
    switch state {
    case .idle, .closed: break  // Nothing runs, so there is nothing to signal.
    case .greeting(let pid, var backlog):
      write(&backlog)
      state = .greeting(pid: pid, backlog: backlog)
    case .connected:
      stream.write(write)
      flush()
    }
  }

  /// Sends what there is room for. A broken pipe shows as the end of what is received, after everything still told.
  private func flush() { _ = stream.send() }

  private func spawnWardenIfNeeded() throws(Failure) {
    switch state {
    case .idle(let wardenEnd):
      let command = WardenCommand(executable: executable, verb: verb, files: files)
      state = .greeting(pid: try command.spawn(socket: wardenEnd), backlog: [])
      close(wardenEnd)  // Or this process would never see the warden's death as the end of the stream.
    case .greeting, .connected: break
    case .closed:
      throw Failure(.unavailable, subject: "warden of runner \(files.runnerID)", message: "is gone")
    }
  }

  // MARK: Answers

  private func takeLines(into events: inout [LauncherEvent]) throws(Failure) {
    while let line = stream.takeLine() {
      guard let record = ExitLogRecord(parsing: line) else {
        throw Failure(
          .unavailable, subject: "warden of runner \(files.runnerID)",
          message: "said what this version does not understand: \(String(decoding: line.prefix(80), as: UTF8.self))")
      }
      switch record {
      case .warden: greeted()
      case .failed(let reason): complaint = reason
      case .exit(let record):
        events.append(.ended(files.resolving(record)))
        ends += 1
        while let next = held.first, next.end <= ends {
          events.append(.began(next.key))
          held.removeFirst()
        }
      case .withdrawn(let key):
        held.removeAll { $0.key == key }
        events.append(.withdrawn(key))
      case .refused(let key, let reason, let infrastructure):
        events.append(.refused(key, reason: reason, infrastructure: infrastructure))
      case .start, .pid, .closed: break  // Written to the log only.
      }
    }
  }

  private func greeted() {
    guard case .greeting(let pid, let backlog) = state else { return }
    state = .connected(pid: pid)
    stream.write { $0 += backlog }
    flush()
  }

  private func end(into events: inout [LauncherEvent]) {
    var reason = "ended unexpectedly"
    switch state {
    case .greeting(let pid, _):
      reason = "did not start: \(complaint ?? "it ended without a word")"
      reap(pid)
    case .connected(let pid): reap(pid)
    case .idle, .closed: break
    }
    state = .closed
    events.append(.closed(reason))
  }

  /// Without waiting: between its last close and its end a process can still be busy for a moment. A zombie that is
  /// left holds no lock.
  private func reap(_ pid: Int32) {
    if waitpid(pid, nil, WNOHANG) == 0 { Self.left.withLock { $0.append(pid) } }
  }
}

/// How the warden itself is started.
struct WardenCommand {
  let executable: String
  let verb: [String]
  let files: RunnerFiles

  /// Spawns the warden and gives its pid: a session of its own, so that neither the terminal nor a signal to the
  /// runner's group reaches it; nothing open but /dev/null and the socket as descriptor 3, so that it keeps nobody's
  /// pipe or lock; hardly any environment, so that it keeps no secret. If the runner dies during the call, the warden
  /// finds its socket closed, records that, and leaves.
  func spawn(socket: Int32) throws(Failure) -> Int32 {
    var attributes = posix_spawnattr_t()
    var actions = posix_spawn_file_actions_t()
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_init(&attributes)
    posix_spawn_file_actions_init(&actions)
    defer {
      posix_spawnattr_destroy(&attributes)
      posix_spawn_file_actions_destroy(&actions)
    }
    let flags = clinux_spawn_setsid() | Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, flags)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    // First the socket: the runner itself may have been started without standard streams, and have it as 0, 1 or 2.
    posix_spawn_file_actions_adddup2(&actions, socket, 3)
    for stream: Int32 in 0...2 { posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0) }
    clinux_spawn_close_from(&actions, 4)
    clinux_spawn_chdir(&actions, "/")
    let options = ["--data", files.dataDirectory, "--id", files.runnerID, "--socket", "3"]
    // A crash reporter would hold the lock and the socket open after the warden's death.
    let environment = ["SWIFT_BACKTRACE=enable=no"]
    var pid: pid_t = 0
    let result = withCStrings([executable] + verb + options) { arguments in
      withCStrings(environment) { posix_spawn(&pid, executable, &actions, &attributes, arguments, $0) }
    }
    guard result == 0 else { throw .kernel(.unavailable, executable, "cannot start the warden", result) }
    return pid
  }

  private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}

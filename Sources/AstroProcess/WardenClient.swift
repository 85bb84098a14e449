public import AstroCore
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
  private let bound: OutputBound
  private let umask: UInt32?
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
  /// - Parameters:
  ///   - bound: how much of what commands print is kept.
  ///   - umask: that of the commands; nil is this process's own.
  public init(
    executable: String, verb: [String] = ["warden"], dataDirectory: String, runnerID: String,
    bound: OutputBound = OutputBound(limit: nil), umask: UInt32? = nil
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
    self.bound = bound
    self.umask = umask
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
      let command = WardenCommand(executable: executable, verb: verb, files: files, bound: bound, umask: umask)
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

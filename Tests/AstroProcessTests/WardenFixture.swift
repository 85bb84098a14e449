import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// A runner's side with the built binary as its warden (ASTRO_BINARY), in a data directory of its own. Whatever a test
/// leaves running ends with the fixture: it is found by the run's identifier, which no other fixture has.
final class WardenFixture {
  static let runner = "r1"

  let directory: TemporaryDirectory
  let workflow = WorkflowID(unchecked: "w-\(UUID().uuidString)")
  private(set) var client: WardenClient?
  private var lock: RunnerLock?
  /// Everything the warden has told, in order.
  private(set) var told: [LauncherEvent] = []
  private var answers: [AttemptKey: Answer] = [:]
  private(set) var isClosed = false
  private var wardens: [Watched] = []

  enum Answer: Equatable {
    case ended(ExitRecord)
    case refused(String, infrastructure: Bool)
  }

  struct Stuck: Error {
    let what: String
  }

  static func binary() throws -> String {
    let path = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    return URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }

  /// `wrapper` is a program and its arguments that end in running what follows them, as nice(1) does.
  init(
    wrapper: [String] = [], executable: String? = nil, directory: TemporaryDirectory = TemporaryDirectory(),
    limit: Int64? = nil, umask: mode_t? = nil
  ) throws {
    self.directory = directory
    lock = try RunnerLock.acquire(dataDirectory: directory.path, id: Self.runner, home: directory.path)
    let command = try wrapper + [executable ?? Self.binary(), "warden"]
    client = try WardenClient(
      executable: command[0], verb: Array(command.dropFirst()), dataDirectory: directory.path, runnerID: Self.runner,
      bound: OutputBound(limit: limit), umask: umask)
  }

  var files: RunnerFiles { get throws { try RunnerFiles(dataDirectory: directory.path, runnerID: Self.runner) } }

  func key(_ task: String, _ number: Int = 1) -> AttemptKey {
    AttemptKey(workflow: workflow, task: task, number: number)
  }

  func path(_ name: String) -> String { directory.path(name) }

  // MARK: Asking

  func request(
    _ task: String, _ arguments: [String], environment: [String] = [], workdir: String = "/"
  ) -> StartRequest {
    StartRequest(
      key: key(task), arguments: arguments,
      environment: ["PATH=/usr/local/bin:/usr/bin:/bin", "DIR=\(directory.path)"] + environment
        + ProcessTree.environmentMarkers(of: key(task), home: directory.path), workdir: workdir)
  }

  func script(_ task: String, _ text: String) -> StartRequest { request(task, ["/bin/sh", "-c", text]) }

  func start(_ requests: [StartRequest]) throws {
    try client?.start(requests)
    if let pid = client?.wardenPID, !wardens.contains(where: { $0.pid == pid }) { wardens.append(Watched(pid)) }
  }

  func signal(_ task: String, _ signo: Int32) throws { try client?.signal(key(task), signo) }

  /// What became of one command.
  func run(_ request: StartRequest) throws -> Answer {
    try start([request])
    return try answer(request.key)
  }

  /// A command that must be started; its record.
  func record(_ request: StartRequest) throws -> ExitRecord {
    let answer = try run(request)
    guard case .ended(let record) = answer else { throw Stuck(what: "\(request.key) was not started: \(answer)") }
    return record
  }

  /// What a script prints, trimmed.
  func output(_ task: String, _ text: String) throws -> String {
    let record = try record(script(task, text))
    #expect(record.status == .exited(0))
    return String(decoding: try read(record.stdout), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  func read(_ scratch: String?) throws -> Data {
    guard let scratch else { return Data() }
    return try Data(contentsOf: URL(fileURLWithPath: scratch))
  }

  // MARK: Hearing

  private static func interest(_ client: WardenClient) -> pollfd {
    pollfd(fd: client.descriptor, events: Int16(POLLIN) | (client.wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
  }

  /// Waits for the warden and takes in what it tells; returns when it has told something.
  func listen() throws {
    guard let client, !isClosed else { throw Stuck(what: "nothing more can be told") }
    var polled = Self.interest(client)
    guard poll(&polled, 1, 30_000) == 1 else { throw Stuck(what: "the warden says nothing; so far: \(told.suffix(5))") }
    for event in try client.receive() {
      told.append(event)
      switch event {
      case .ended(let record):
        #expect(answers[record.key] == nil, "\(record.key) was answered twice")
        answers[record.key] = .ended(record)
      case .refused(let key, let reason, let infrastructure):
        answers[key] = .refused(reason, infrastructure: infrastructure)
      case .began, .withdrawn: break
      case .closed: isClosed = true
      }
    }
  }

  func answer(_ key: AttemptKey) throws -> Answer {
    while answers[key] == nil { try listen() }
    return answers.removeValue(forKey: key)!
  }

  func allAnswers(_ keys: [AttemptKey]) throws -> [Answer] { try keys.map { try answer($0) } }

  /// The pid of a command that has just been started, which only the log tells.
  func pid(_ task: String) throws -> Int32 { try pids([task])[0] }

  func pids(_ tasks: [String]) throws -> [Int32] {
    while access(try files.exits, F_OK) != 0 { try listen() }
    let watch = WreckWatch(try survey())
    while true {
      _ = try watch.newRecords()
      let known = tasks.compactMap { watch.wreck.running[key($0)]?.identity?.pid }
      if known.count == tasks.count { return known }
      var polled = watch.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      if let client { polled.append(Self.interest(client)) }
      guard poll(&polled, nfds_t(polled.count), 30_000) > 0 else {
        throw Stuck(what: "\(tasks.count - known.count) of \(tasks.count) are not started")
      }
      if client != nil, polled[polled.count - 1].revents != 0 { try listen() }
    }
  }

  func listenUntilClosed() throws { while !isClosed { try listen() } }

  /// The next line that a script writes into `pipe`. The warden is heard meanwhile: without its greeting nothing starts.
  func line(_ pipe: NamedPipe) throws -> String {
    while true {
      if let line = pipe.line() { return line }
      var polled = [pollfd(fd: pipe.descriptor, events: Int16(POLLIN), revents: 0)]
      if let client, !isClosed { polled.append(Self.interest(client)) }
      guard poll(&polled, nfds_t(polled.count), 30_000) > 0 else {
        throw Stuck(what: "\(pipe.path) is silent; so far: \(told.suffix(5))")
      }
      if polled.count > 1, polled[1].revents != 0 { try listen() }
    }
  }

  // MARK: Ending

  var wardenPID: Int32? { wardens.last?.pid }

  /// The runner's death, as the warden sees it.
  func dropRunner() {
    client = nil
    lock = nil
  }

  /// Kills it, and waits for its lock as well: a child between fork and exec holds that for a moment longer.
  func killWarden() throws {
    let warden = try #require(wardens.last)
    kill(warden.pid, SIGKILL)
    try awaitWardenEnd()
    let lock = open(try files.warden, O_RDONLY | O_CLOEXEC)
    guard lock >= 0 else { return }
    flock(lock, LOCK_SH)
    close(lock)
  }

  func awaitWardenEnd() throws {
    let warden = try #require(wardens.last)
    guard warden.waitForEnd() else { throw Stuck(what: "the warden does not end") }
    waitpid(warden.pid, nil, 0)
  }

  func survey() throws -> Wreck { try Wreck.survey(dataDirectory: directory.path, runnerID: Self.runner) }

  /// Living processes that carry this run's identifier in their environment.
  var survivors: [Int32] { Processes.carrying("ASTRO_WORKFLOW_ID=\(workflow)") }

  /// Until no process of this run is left; those that still live after 30 seconds.
  func remaining() -> [Int32] {
    for _ in 0..<100 {
      let found = survivors.map { Watched($0) }
      if found.isEmpty { return [] }
      guard found.allSatisfy({ $0.waitForEnd() }) else { break }
    }
    return survivors
  }

  deinit {
    client = nil
    for pid in survivors { kill(pid, SIGKILL) }
    for warden in wardens where !warden.waitForEnd(milliseconds: 10_000) {
      kill(warden.pid, SIGKILL)
      _ = warden.waitForEnd()
    }
    for warden in wardens { waitpid(warden.pid, nil, WNOHANG) }
    try? files.remove()  // Control groups, which a killed warden leaves.
  }
}

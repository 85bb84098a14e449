import AstroCore
import CLinux
import Glibc

/// The warden at work. Each turn: what has ended is recorded, a few requests are carried out, and the answers leave in
/// one write, after the log has the same lines.
struct WardenLoop: ~Copyable {
  private enum Runner {
    case connected
    /// It sends nothing more, and whatever it had sent has been handled: the log says so. It may still be listening.
    case finished
    /// Nobody listens.
    case gone
  }

  private let lock: LockedFile
  private let signals: Descriptor
  private var runner = Runner.connected
  private var stream: SocketStream
  private var log: ExitLog
  private let spawner = CommandSpawner()
  private var stdouts: ScratchPool
  private var stderrs: ScratchPool
  private var children: [Int32: WardenChild] = [:]
  private var pids: [AttemptKey: Int32] = [:]
  private var held: [HeldStart] = []
  private var masked = MaskedCommands()
  /// How many commands have ended.
  private var ends: UInt64 = 0
  private var orphans = Orphans()
  private var outputs: OutputWatch
  private var groups: ControlGroupPool

  /// Requests carried out before ended commands are looked at again. A start takes about half a millisecond, so a
  /// burst of 64 would otherwise delay every other answer by 30.
  private static let requestsPerTurn = 8

  /// Takes up the work: signals first, so that no TERM meant for the runner ends the warden; then the lock; then the
  /// log's header; then the greeting. The runner sends nothing before the greeting, so a runner that dies earlier has
  /// started nothing, and one that dies later has left a visible, locked file.
  init(files: RunnerFiles, stream: consuming SocketStream, bound: OutputBound) throws(Failure) {
    let signals = try Self.takeSignals()
    guard clinux_become_subreaper() == 0 else {
      throw .kernel(.unavailable, "warden", "cannot adopt orphaned processes")
    }
    guard let identity = ProcessIdentity.current() else {
      throw .kernel(.unavailable, "/proc", "cannot read the identity of the warden")
    }
    let lock = try Self.takeLock(files, identity)
    let log: ExitLog
    do throws(Failure) { log = try Self.beginLog(files, identity) } catch {
      unlink(files.warden)  // Without a header it would say that the log has lost what was started.
      throw error
    }
    self.signals = signals
    self.lock = lock
    self.log = log
    outputs = OutputWatch(bound)
    stdouts = ScratchPool(files: files, suffix: "out")
    stderrs = ScratchPool(files: files, suffix: "err")
    groups = ControlGroupPool(name: files.groupName, record: files.groups)
    self.stream = stream
    self.stream.write { ExitLogRecord.warden(identity).write(to: &$0) }
  }

  private static func takeLock(_ files: RunnerFiles, _ identity: ProcessIdentity) throws(Failure) -> LockedFile {
    guard
      let lock = try LockedFile.create(
        "\(files.runnerID).warden", in: files.directory, content: OwnerLine(identity).text, replacing: true)
    else { throw Failure(.unavailable, subject: files.warden, message: "another warden is at work") }
    return lock
  }

  private static func beginLog(_ files: RunnerFiles, _ identity: ProcessIdentity) throws(Failure) -> ExitLog {
    var log = try ExitLog(path: files.exits)
    log.append(.warden(identity))
    guard log.flush() else { throw .kernel(.io, files.exits, "cannot write") }
    return log
  }

  /// Blocks every signal, so that none can end the warden but KILL, and reads SIGCHLD from a descriptor. Commands get
  /// an empty mask and default dispositions again when they are spawned.
  private static func takeSignals() throws(Failure) -> Descriptor {
    var all = sigset_t()
    var children = sigset_t()
    sigfillset(&all)
    sigemptyset(&children)
    sigaddset(&children, SIGCHLD)
    sigprocmask(SIG_SETMASK, &all, nil)
    let number = clinux_signalfd(&children)
    guard number >= 0 else { throw .kernel(.unavailable, "warden", "cannot make a signalfd") }
    return Descriptor(owning: number)
  }

  /// Until the runner has finished, no command is left, and the log and the answers are complete.
  mutating func run() {
    while true {
      for ended in masked.pump() { record(ended) }
      reap()
      let more = serve()
      outputs.look(at: children.values)
      settle()
      if isDone { return groups.removeAll() }
      wait(moreAtHand: more)
    }
  }

  private var isDone: Bool {
    guard children.isEmpty, masked.isIdle, !orphans.areLeft, groups.pause == nil, !log.isStalled else { return false }
    return switch runner {
    case .connected: false
    case .finished: !stream.hasOutput
    case .gone: true
    }
  }

  /// Waits for the runner, for a child, for the next look at what commands print, or at groups that
  /// were killed; only while the disk refuses records, for one second; only while an orphan is in the middle of execve(2), for
  /// 5 milliseconds.
  private mutating func wait(moreAtHand: Bool) {
    var polled = [pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0)]
    // A closed socket is always ready, so it is polled only while something is still expected of it.
    let events = (runner == .connected ? POLLIN : 0) | (stream.hasOutput ? POLLOUT : 0)
    if events != 0 { polled.append(pollfd(fd: stream.number, events: Int16(events), revents: 0)) }
    masked.poll(&polled)
    var pause = outputs.pause(isAnyRunning: !children.isEmpty) ?? -1
    if log.isStalled || masked.isStalled { pause = pause < 0 ? 1000 : min(1000, pause) }
    if let look = groups.pause { pause = pause < 0 ? look : min(look, pause) }
    if masked.isResting { pause = 1 } else if orphans.areUnclear { pause = 5 }
    poll(&polled, nfds_t(polled.count), moreAtHand ? 0 : pause)
    while clinux_signalfd_read(signals.number) != 0 {}
  }

  /// The log first, then the answers: a runner never acts on an end that its successor could not find. While the disk
  /// refuses records the answers leave all the same, for the runner can still keep them itself.
  private mutating func settle() {
    _ = log.flush()
    if !stream.send(), runner == .finished { runner = .gone }
  }

  private mutating func report(_ record: ExitLogRecord) {
    log.append(record)
    stream.write { record.write(to: &$0) }
  }

  // MARK: Requests

  /// Carries out what has been asked. True when more may be at hand.
  private mutating func serve() -> Bool {
    guard runner == .connected else { return false }
    for _ in 0..<Self.requestsPerTurn {
      switch nextFrame() {
      case .handled: continue
      case .malformed:
        stream.hangUp()
        finish()
        return false
      case .incomplete: break
      }
      switch stream.receive() {
      case .bytes: continue
      case .nothing: return false
      case .ended:
        finish()
        return false
      }
    }
    return true
  }

  /// The runner sends nothing more, be it dead. Half a request that it leaves was never a request.
  private mutating func finish() {
    masked.forgetAnnounced()
    held.removeAll()  // Not started now, and by the record that follows never.
    log.append(.closed(at: wallClock()))
    runner = .finished
  }

  private enum Step { case handled, incomplete, malformed }

  private mutating func nextFrame() -> Step {
    // The frame points into the buffer, which is therefore out of the stream's hands while answers are written.
    var input = stream.takeInput()
    let (step, used): (Step, Int) = input.bytes.withUnsafeBytes { bytes in
      switch WireFrame.read(UnsafeRawBufferPointer(rebasing: bytes[input.head...])) {
      case .incomplete: (.incomplete, 0)
      case .malformed: (.malformed, 0)
      case .frame(let frame, let size):
        (
          carryOut(frame, UnsafeRawBufferPointer(rebasing: bytes[input.head...].prefix(size))) ? .handled : .malformed,
          size
        )
      }
    }
    input.consume(used)
    stream.putBack(input)
    return step
  }

  /// False when the frame contradicts itself.
  private mutating func carryOut(_ frame: WireFrame, _ bytes: UnsafeRawBufferPointer) -> Bool {
    switch frame.kind {
    case .start, .hold:
      guard let command = CommandSpawner.Command(frame), let end = command.end else { return false }
      // The runner counts the ends it has heard of; what it waits for may have happened while it asked.
      if end <= ends { start(frame.key, command) } else { held.append(HeldStart(frame.key, at: end, bytes)) }
    case .release:
      guard let index = held.firstIndex(where: { $0.key == frame.key }) else { break }
      start(held.remove(at: index))
    case .withdraw:
      guard let index = held.firstIndex(where: { $0.key == frame.key }) else { break }
      held.remove(at: index)
      masked.forget(frame.key)
      stream.write { ExitLogRecord.withdrawn(frame.key).write(to: &$0) }
    case .mask:
      guard let masking = Masking(frame) else { return false }
      masked.announce(frame.key, masking)
    case .signal:
      guard let pid = pids[frame.key], let child = children[pid] else { break }
      if frame.first == SIGKILL { child.group?.liftProcessors() }
      child.signalGroup(frame.first)
    case .refuse:
      guard let reason = frame.text else { return false }
      report(.refused(frame.key, reason: reason, infrastructure: false))
    }
    return true
  }

  /// One write(2) before each spawn carries this command's start record together with the pid of the command before
  /// it; the last pid of a turn goes out with the turn. So n starts cost n+1 writes, no command ever runs without its
  /// start record, and its pid is on record within microseconds of being known. If the warden is killed in between,
  /// the attempt is `lost` without a pid and is found by its environment.
  private mutating func start(_ key: AttemptKey, _ command: CommandSpawner.Command) {
    guard pids[key] == nil else {
      return report(.refused(key, reason: "this attempt is running already", infrastructure: true))
    }
    guard let stdout = stdouts.take() else { return refuseForWantOfFiles(key) }
    guard let stderr = stderrs.take() else {
      refuseForWantOfFiles(key)
      _ = stdouts.putBack(stdout)
      return
    }
    let sinks: (stdout: CommandSpawner.Sink, stderr: CommandSpawner.Sink)
    let preparation = masked.prepare(key, stdout: stdout, stderr: stderr)
    switch preparation {
    case .plain: sinks = (.file(stdout.path), .file(stderr.path))
    case .masked(let opening): sinks = (.descriptor(opening.stdout), .descriptor(opening.stderr))
    case .failed:
      refuseForWantOfFiles(key)
      return release(stdout, stderr, nil)
    }
    defer { if case .masked(let opening) = preparation { opening.closeCommandEnds() } }
    let startedAt = wallClock()
    var group: ControlGroup?
    var startedBoot: Int64
    var outcome: CommandSpawner.Outcome
    var isSecondGroup = false
    while true {
      do throws(ControlGroupPool.Shortage) { group = try groups.take(command.confinement) } catch {
        release(stdout, stderr, nil)
        let reason = "cannot open a control group: \(kernelWords(error.errno))"
        return report(.refused(key, reason: reason, infrastructure: true))
      }
      // Anew for another group, or for none: only the last record of a start counts.
      log.append(.start(key, at: startedAt, stdout: stdout.name, stderr: stderr.name, group: group?.path))
      guard log.flush() else {
        let reason = "cannot record the start: \(kernelWords(errno))"
        release(stdout, stderr, group)
        return report(.refused(key, reason: reason, infrastructure: true))
      }
      startedBoot = clinux_boot_microseconds()
      outcome = spawner.spawn(command, stdout: sinks.stdout, stderr: sinks.stderr, in: group)
      guard case .failed(let failure) = outcome, failure.isOfGroup, let refused = group else { break }
      _ = groups.putBack(refused)
      if failure.isOfRemovedGroup, !isSecondGroup {
        isSecondGroup = true  // Or whoever removes each as it is made would keep us here.
        groups.forgetRemoved()
      } else {
        groups.giveUp()  // As on a machine that has none.
      }
    }
    switch outcome {
    case .started(let pid):
      let startTime = ProcessStatus.startTime(of: pid, spawnedSince: startedBoot)
      children[pid] = WardenChild(
        key: key, pid: pid, startedAt: startedAt, startedBoot: startedBoot, stdout: stdout, stderr: stderr,
        group: group)
      pids[key] = pid
      if case .masked(let opening) = preparation { masked.began(pid, opening) }
      // For a successor only: to wake the runner for it would cost more than the spawn's bookkeeping together.
      log.append(.pid(key, pid: pid, startTime: startTime))
    case .failed(let failure):
      guard stdout.isThere, stderr.isThere else {
        let gone = stdout.isThere ? stderr.path : stdout.path
        stdouts.forgetRemoved()
        stderrs.forgetRemoved()
        release(stdout, stderr, group)
        return report(
          .refused(key, reason: "somebody removed the file for its output: \(gone)", infrastructure: true))
      }
      let refusal = SpawnRefusal(failure, command)
      release(stdout, stderr, group)
      report(.refused(key, reason: refusal.reason, infrastructure: refusal.infrastructure))
    }
  }

  private mutating func start(_ held: HeldStart) {
    held.frame.withUnsafeBytes { bytes in
      guard case .frame(let frame, _) = WireFrame.read(bytes), let command = CommandSpawner.Command(frame) else {
        preconditionFailure("a frame that was read once is read again")
      }
      start(frame.key, command)
    }
  }

  private mutating func refuseForWantOfFiles(_ key: AttemptKey) {
    report(.refused(key, reason: "cannot create a scratch file: \(kernelWords(errno))", infrastructure: true))
  }

  private mutating func release(_ stdout: ScratchFile, _ stderr: ScratchFile, _ group: ControlGroup?) {
    if let group { _ = groups.putBack(group) }
    _ = stdouts.putBack(stdout)
    _ = stderrs.putBack(stderr)
  }

  // MARK: Ends

  /// Records every command that has ended. What it left in its process group is killed first, while the unreaped leader
  /// keeps the group's number from being anybody else's, then what it left outside: all of it where there are control groups, else
  /// what can be recognised.
  private mutating func reap() {
    var isSweepDue = orphans.areUnclear
    while let pid = Zombie.next() {
      isSweepDue = true
      guard let child = children.removeValue(forKey: pid) else {
        _ = Zombie.reap(pid)
        orphans.forget(pid)
        continue
      }
      pids[child.key] = nil
      child.signalGroup(SIGKILL)
      let toll = child.group.map { groups.putBack($0) } ?? .init()
      let finishedBoot = clinux_boot_microseconds()
      guard let end = Zombie.reap(pid) else { continue }
      let ended = EndedCommand(
        child: child, status: end.status, usage: end.usage.with(peakKiB: toll.peakKiB),
        ranOutOfMemory: toll.ranOutOfMemory, finishedAt: wallClock(),
        duration: .microseconds(finishedBoot - child.startedBoot))
      if let whole = masked.end(ended) { record(whole) }
    }
    if isSweepDue { orphans.sweep(commands: children, running: pids) }
    if groups.pause != nil { groups.removeDying() }
  }

  /// Its slot is free from here on.
  private mutating func record(_ ended: EndedCommand) {
    let child = ended.child
    // Before the record: it says how much, and whoever reads it finds the files as they stay.
    let omitted = OmittedOutput(
      stdout: outputs.cut(child.stdout) &+ ended.dropped.stdout,
      stderr: outputs.cut(child.stderr) &+ ended.dropped.stderr)
    report(
      .exit(
        ExitRecord(
          key: child.key, status: ended.status, startedAt: child.startedAt, finishedAt: ended.finishedAt,
          duration: ended.duration, usage: ended.usage, stdout: stdouts.putBack(child.stdout),
          stderr: stderrs.putBack(child.stderr), omitted: omitted, ranOutOfMemory: ended.ranOutOfMemory)))
    ends += 1
    while let next = held.first, next.end <= ends { start(held.removeFirst()) }
  }
}

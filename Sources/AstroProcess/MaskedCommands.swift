import AstroCore
import Glibc

/// The commands of a warden that have secrets: their masks and pumps. Of all others it knows nothing.
struct MaskedCommands: ~Copyable {
  fileprivate struct Command {
    let outputFile: MaskedOutputFile
    let mask: SecretMask
    let pumps: [OutputPump]
  }

  /// What has come ahead of the start it belongs to.
  private var announced: [AttemptKey: Masking] = [:]
  private var running: [Int32: Command] = [:]
  /// Ended commands whose output waits for room on the disk.
  private var unfinished: [(command: Command, ended: EndedCommand)] = []

  /// Commands print in small pieces. To be woken for each costs many times what it takes to move them: so after a few came,
  /// more are let gather for a millisecond.
  private(set) var isResting = false

  var isIdle: Bool { unfinished.isEmpty }
  /// Whether something waits for room on the disk, of which nobody tells.
  var isStalled: Bool { !unfinished.isEmpty || running.values.contains { $0.pumps.contains { $0.isStalled } } }

  mutating func announce(_ key: AttemptKey, _ masking: Masking) { announced[key] = masking }
  mutating func forget(_ key: AttemptKey) { announced[key] = nil }
  mutating func forgetAnnounced() { announced.removeAll() }

  /// A start under way: what the command prints into, and what becomes of it when it has been spawned.
  struct Opening {
    fileprivate let command: Command
    let stdout: Int32
    let stderr: Int32

    /// The command has its own copies of them, or there is no command.
    func closeCommandEnds() {
      close(stdout)
      close(stderr)
    }
  }

  enum Preparation {
    /// It has no secrets.
    case plain
    case masked(Opening)
    /// `errno` says why.
    case failed
  }

  /// Makes the pipes for a command that has secrets.
  mutating func prepare(_ key: AttemptKey, stdout: ScratchFile, stderr: ScratchFile) -> Preparation {
    guard let masking = announced.removeValue(forKey: key) else { return .plain }
    let mask = SecretMask(secrets: masking.secrets)
    guard let (first, stdoutEnd) = OutputPump.open(into: stdout.path, mask: mask) else { return .failed }
    guard let (second, stderrEnd) = OutputPump.open(into: stderr.path, mask: mask) else {
      let number = errno
      close(stdoutEnd)
      errno = number
      return .failed
    }
    let command = Command(
      outputFile: MaskedOutputFile(path: masking.outputFile), mask: mask, pumps: [first, second])
    return .masked(Opening(command: command, stdout: stdoutEnd, stderr: stderrEnd))
  }

  mutating func began(_ pid: Int32, _ opening: Opening) { running[pid] = opening.command }

  /// Adds what to wait for.
  func poll(_ polled: inout [pollfd]) {
    guard !isResting else { return }
    for command in running.values {
      for case let descriptor? in command.pumps.lazy.map(\.awaited) {
        polled.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
      }
    }
  }

  /// Moves what has been printed, and tries again what the disk refused.
  /// - Returns: the commands whose output is whole now.
  mutating func pump() -> [EndedCommand] {
    let flows = running.values.flatMap { $0.pumps.map { $0.pump() } }
    isResting = flows.contains(.little) && !flows.contains(.much)
    guard !unfinished.isEmpty else { return [] }
    var whole: [EndedCommand] = []
    unfinished.removeAll { entry in
      guard Self.isWhole(entry.command) else { return false }
      whole.append(Self.whole(entry.command, entry.ended))
      return true
    }
    return whole
  }

  /// A command has ended and been swept.
  /// - Returns: its end, when its output is whole; else ``pump()`` tells when it is.
  mutating func end(_ ended: EndedCommand) -> EndedCommand? {
    guard let command = running.removeValue(forKey: ended.child.pid) else { return ended }
    for pump in command.pumps { _ = pump.end() }
    if Self.isWhole(command) { return Self.whole(command, ended) }
    unfinished.append((command, ended))
    return nil
  }

  private static func isWhole(_ command: Command) -> Bool {
    command.pumps.allSatisfy { $0.complete() } && command.outputFile.replace(command.mask)
  }

  /// The end of a command whose output is in its files, but for what these did not take.
  private static func whole(_ command: Command, _ ended: EndedCommand) -> EndedCommand {
    var ended = ended
    ended.dropped = OmittedOutput(stdout: command.pumps[0].dropped, stderr: command.pumps[1].dropped)
    return ended
  }
}

/// A command that has been reaped and is not on record yet.
struct EndedCommand {
  let child: WardenChild
  let status: WaitStatus
  let usage: ResourceUsage
  let ranOutOfMemory: Bool
  let finishedAt: Timestamp
  let duration: Duration
  /// What it printed that no file took.
  var dropped = OmittedOutput.none
}

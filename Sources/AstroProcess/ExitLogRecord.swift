import AstroCore

/// One line of `data/runners/<id>.exits`, and of what the warden tells its runner: fields separated by tabs, with `\`,
/// tab and newline escaped. The warden's own line begins each generation and carries the version of the format.
enum ExitLogRecord: Equatable {
  /// A warden has taken up its work; its lock is visible already.
  case warden(ProcessIdentity)
  /// Written before the command is spawned: without this line it never was.
  /// `group` is the directory of its control group, if it has one.
  case start(AttemptKey, at: Timestamp, stdout: String, stderr: String, group: String? = nil)
  /// Written as soon as the command's pid is known. `startTime` is that of ``ProcessIdentity``.
  case pid(AttemptKey, pid: Int32, startTime: UInt64)
  /// The paths of the record are names of scratch files here.
  case exit(ExitRecord)
  case refused(AttemptKey, reason: String, infrastructure: Bool)
  /// The runner's end of the socket closed, and everything it had sent has been handled.
  case closed(at: Timestamp)
  /// Only ever sent, never written: a held start was taken back and will not happen. A successor finds no start record.
  case withdrawn(AttemptKey)
  /// Only ever sent, never written: the warden could not take up its work.
  case failed(String)

  static let version = "1"

  /// Appends the line with its newline.
  func write(to bytes: inout [UInt8]) {
    var line = Line(bytes: bytes)
    bytes = []  // Keeps the buffer's only reference in `line`, or every field would copy it.
    switch self {
    case .warden(let identity):
      line.word("warden")
      line.word(Self.version)
      line.number(identity.pid)
      line.number(identity.startTime)
      line.text(identity.bootID)
    case .start(let key, let at, let stdout, let stderr, let group):
      line.word("start")
      line.key(key)
      line.number(at.microseconds)
      line.text(stdout)
      line.text(stderr)
      line.text(group ?? "")
    case .pid(let key, let pid, let startTime):
      line.word("pid")
      line.key(key)
      line.number(pid)
      line.number(startTime)
    case .exit(let record): line.exit(record)
    case .refused(let key, let reason, let infrastructure):
      line.word("refused")
      line.key(key)
      line.word(infrastructure ? "infrastructure" : "command")
      line.text(reason)
    case .closed(let at):
      line.word("closed")
      line.number(at.microseconds)
    case .withdrawn(let key):
      line.word("withdrawn")
      line.key(key)
    case .failed(let reason):
      line.word("failed")
      line.text(reason)
    }
    line.end()
    bytes = line.bytes
  }

  /// Parses one line without its newline; nil for anything that ``write(to:)`` could not have written.
  init?(parsing line: some Sequence<UInt8>) {
    var fields = Fields(line: Array(line))
    guard let record = fields.record(), fields.isAtEnd else { return nil }
    self = record
  }
}

/// Builds one line.
private struct Line {
  var bytes: [UInt8]

  mutating func word(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(0x09)
  }

  mutating func word(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    bytes.append(0x09)
  }

  mutating func number(_ value: some BinaryInteger) { word(String(value)) }

  mutating func text(_ text: String) {
    for byte in text.utf8 {
      switch byte {
      case 0x5C: bytes.append(contentsOf: [0x5C, 0x5C])
      case 0x09: bytes.append(contentsOf: [0x5C, UInt8(ascii: "t")])
      case 0x0A: bytes.append(contentsOf: [0x5C, UInt8(ascii: "n")])
      default: bytes.append(byte)
      }
    }
    bytes.append(0x09)
  }

  mutating func key(_ key: AttemptKey) {
    text(key.workflow.text)
    text(key.task)
    number(key.number)
  }

  mutating func exit(_ record: ExitRecord) {
    word("exit")
    key(record.key)
    switch record.status {
    case .exited(let code):
      word("code")
      number(code)
    case .signalled(let signal):
      word("signal")
      number(signal)
    }
    number(record.startedAt.microseconds)
    number(record.finishedAt.microseconds)
    number(record.duration.microseconds)
    number(record.usage.userMicroseconds)
    number(record.usage.systemMicroseconds)
    number(record.usage.peakKiB)
    text(record.stdout ?? "")
    text(record.stderr ?? "")
    number(record.omitted.stdout)
    number(record.omitted.stderr)
    word(record.ranOutOfMemory ? "memory" : "")
  }

  /// The tab after the last field becomes the newline.
  mutating func end() { bytes[bytes.count - 1] = 0x0A }
}

/// Takes one line apart, strictly: a field too many, too few or malformed makes the whole line nil.
private struct Fields {
  private var fields: ArraySlice<ArraySlice<UInt8>>

  init(line: [UInt8]) { fields = line.split(separator: 0x09, omittingEmptySubsequences: false)[...] }

  var isAtEnd: Bool { fields.isEmpty }

  mutating func record() -> ExitLogRecord? {
    switch text() {
    case "warden":
      guard text() == ExitLogRecord.version, let pid: Int32 = number(), let start: UInt64 = number(), let boot = text()
      else { return nil }
      return .warden(ProcessIdentity(pid: pid, startTime: start, bootID: boot))
    case "start":
      guard let key = key(), let at: Int64 = number(), let stdout = name(), let stderr = name(),
        let group = text(), group.isEmpty || group.hasPrefix("/")
      else { return nil }
      return .start(
        key, at: Timestamp(microseconds: at), stdout: stdout, stderr: stderr, group: group.isEmpty ? nil : group)
    case "pid":
      guard let key = key(), let pid: Int32 = number(), pid > 1, let start: UInt64 = number() else { return nil }
      return .pid(key, pid: pid, startTime: start)
    case "exit": return exit().map { .exit($0) }
    case "refused":
      guard let key = key(), let fault = text(), fault == "command" || fault == "infrastructure", let reason = text()
      else { return nil }
      return .refused(key, reason: reason, infrastructure: fault == "infrastructure")
    case "closed": return number().map { .closed(at: Timestamp(microseconds: $0)) }
    case "withdrawn": return key().map { .withdrawn($0) }
    case "failed": return text().map { .failed($0) }
    default: return nil
    }
  }

  private mutating func exit() -> ExitRecord? {
    guard let key = key(), let status = status(), let started: Int64 = number(), let finished: Int64 = number(),
      let duration: Int64 = number(), let user: Int64 = number(), let system: Int64 = number(),
      let peak: Int64 = number(), let stdout = name(orEmpty: true), let stderr = name(orEmpty: true),
      let omittedStdout: Int64 = number(), let omittedStderr: Int64 = number(), let want = text(),
      want.isEmpty || want == "memory"
    else { return nil }
    return ExitRecord(
      key: key, status: status, startedAt: Timestamp(microseconds: started),
      finishedAt: Timestamp(microseconds: finished), duration: .microseconds(duration),
      usage: ResourceUsage(userMicroseconds: user, systemMicroseconds: system, peakKiB: peak),
      stdout: stdout.isEmpty ? nil : stdout, stderr: stderr.isEmpty ? nil : stderr,
      omitted: OmittedOutput(stdout: omittedStdout, stderr: omittedStderr), ranOutOfMemory: !want.isEmpty)
  }

  private mutating func status() -> WaitStatus? {
    switch text() {
    case "code": number().flatMap { (0...255).contains($0) ? .exited($0) : nil }
    case "signal": number().flatMap { (1...126).contains($0) ? .signalled($0) : nil }
    default: nil
    }
  }

  private mutating func key() -> AttemptKey? {
    guard let workflow = text(), let task = text(), let number: Int = number() else { return nil }
    return AttemptKey(workflow: WorkflowID(unchecked: workflow), task: task, number: number)
  }

  /// Only the spelling that ``Line`` writes: a number with a sign or zeros to spare has been tampered with.
  private mutating func number<Number: FixedWidthInteger>() -> Number? {
    guard let text = text(), let number = Number(text) else { return nil }
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
    let isCanonical = digits.first == UInt8(ascii: "0") ? text.utf8.count == 1 : text.utf8.first != UInt8(ascii: "+")
    return isCanonical ? number : nil
  }

  /// A scratch file's name. One with a slash would let a damaged log point the runner's rename anywhere.
  private mutating func name(orEmpty: Bool = false) -> String? {
    guard let name = text(), !name.utf8.contains(UInt8(ascii: "/")), orEmpty || !name.isEmpty else { return nil }
    return name
  }

  private mutating func text() -> String? {
    guard let field = fields.popFirst() else { return nil }
    guard field.contains(0x5C) else { return String(validating: field, as: UTF8.self) }
    var result: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      guard byte == 0x5C else {
        result.append(byte)
        continue
      }
      switch rest.popFirst() {
      case 0x5C: result.append(0x5C)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "n"): result.append(0x0A)
      default: return nil
      }
    }
    return String(validating: result, as: UTF8.self)
  }
}

public import AstroCore
import Glibc

/// The reading side of `data/health.json`: answers as a probe does, exit code and one JSON object.
public struct HealthProbe: Sendable {
  public enum Question: String, Sendable, CaseIterable {
    case live, ready, startup, summary
  }

  /// What the command prints and exits with: `.ok` or `.runFailed` (0 or 1).
  public struct Answer: Sendable, Equatable {
    public var exitCode: ExitCode
    /// One line of JSON with its newline.
    public var json: [UInt8]
  }

  private enum Content: Sendable {
    case report([String: JSONValue], nextUpdateBy: Timestamp)
    /// Why there is no report, in one sentence.
    case none(String)
  }

  private let content: Content

  /// More than a report can be; what is larger is not one.
  private static let sizeLimit = 1 << 20

  /// Reads the file. It never fails: a missing, unreadable or malformed file is what the answers will say.
  public init(reading path: String) {
    switch Self.read(path) {
    case .success(let bytes): self.init(bytes, path: path)
    case .failure(let failure): self.init(.none(failure.description))
    }
  }

  /// Takes bytes as they are in the file; `path` is for messages.
  public init(_ bytes: [UInt8], path: String) {
    do throws(EvaluationError) {
      guard case .map(let members) = try JSONReader.parse(bytes),
        case .string(let text) = members["next_update_by"], let deadline = Timestamp(rfc3339: text)
      else { throw EvaluationError("it has no next_update_by") }
      self.init(.report(members, nextUpdateBy: deadline))
    } catch {
      self.init(.none("\(path): is not a health report: \(error.message)"))
    }
  }

  private init(_ content: Content) { self.content = content }

  public func answer(_ question: Question, at now: Timestamp) -> Answer {
    let (members, complaint) = examined(at: now)
    switch question {
    case .live:
      return Self.reply(complaint == nil, "alive", "not_alive", complaint, Self.part(members, "live"))
    case .ready:
      let isReady = complaint == nil && Self.word(members, "ready") == "ready"
      return Self.reply(isReady, "ready", "not_ready", complaint, ["checks": members["checks"] ?? .map([:])])
    case .startup:
      let isStarted = complaint == nil && Self.word(members, "startup") == "started"
      return Self.reply(isStarted, "started", "starting", complaint, Self.part(members, "startup"))
    case .summary: return summary(members, complaint)
    }
  }

  /// What the last report says of one check, however old it is; empty when there is none.
  public func check(_ name: String) -> [String: JSONValue] {
    guard case .report(let members, _) = content, case .map(let checks)? = members["checks"] else { return [:] }
    return Self.part(checks, name)
  }

  /// The report's members, and why they are not to be trusted, if so.
  private func examined(at now: Timestamp) -> ([String: JSONValue], String?) {
    switch content {
    case .none(let reason): ([:], reason)
    case .report(let members, let deadline) where now > deadline:
      (members, "the report was due to be renewed by \(deadline.rfc3339): the runner is gone or stuck")
    case .report(let members, _): (members, nil)
    }
  }

  private func summary(_ members: [String: JSONValue], _ complaint: String?) -> Answer {
    let checks = members["checks"] ?? .map([:])
    let statuses: [JSONValue?] =
      if case .map(let named) = checks {
        named.values.map { if case .map(let check) = $0 { check["status"] } else { nil } }
      } else { [] }
    let isHealthy = complaint == nil && !statuses.isEmpty && statuses.allSatisfy { $0 == .string("healthy") }
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("overall_status", isHealthy ? "healthy" : "degraded")
    writer.member("message", ifPresent: complaint)
    for name in Self.summaryMembers {
      if let value = members[name] { writer.member(name, value) }
    }
    writer.endObject()
    writer.newline()
    return Answer(exitCode: isHealthy ? .ok : .runFailed, json: writer.bytes)
  }

  private static let summaryMembers = [
    "status", "mode", "checks", "uptime_seconds", "timestamp", "next_update_by", "pid", "version", "last_run",
  ]

  private static func reply(
    _ isGood: Bool, _ good: String, _ bad: String, _ complaint: String?, _ more: [String: JSONValue]
  ) -> Answer {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("status", isGood ? good : bad)
    writer.member("message", ifPresent: complaint)
    for (name, value) in more.sorted(by: { $0.key < $1.key }) where name != "status" { writer.member(name, value) }
    writer.endObject()
    writer.newline()
    return Answer(exitCode: isGood ? .ok : .runFailed, json: writer.bytes)
  }

  private static func part(_ members: [String: JSONValue], _ name: String) -> [String: JSONValue] {
    if case .map(let part) = members[name] { part } else { [:] }
  }

  private static func word(_ members: [String: JSONValue], _ name: String) -> String? {
    if case .string(let word) = part(members, name)["status"] { word } else { nil }
  }

  /// O_NONBLOCK and the look at its type: a FIFO under this name must not hang a probe.
  private static func read(_ path: String) -> Result<[UInt8], Failure> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      guard errno != ENOENT else {
        let message = "there is no health report: no runner has started here; start one with astro watch or astro drain"
        return .failure(Failure(.notFound, subject: path, message: message))
      }
      return .failure(.system(.io, path, "cannot be opened", errno: errno))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= sizeLimit else {
      return .failure(Failure(.io, subject: path, message: "is not a health report"))
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var count = 0
    while count < bytes.count {
      let more = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { return .failure(.system(.io, path, "cannot be read", errno: errno)) }
      if more == 0 { break }
      count += more
    }
    return .success(Array(bytes[..<count]))
  }
}

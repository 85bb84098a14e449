public import AstroCore
import AstroProcess

/// A runner at work in this home.
public struct WorkingRunner: Sendable, Equatable {
  public let id: String
  /// `watch`, `drain` or `run`.
  public let mode: String
  /// `nil` when its process cannot be seen from here: another PID namespace, say a container.
  public let pid: Int32?
  public let since: Timestamp?
  /// Its process was stopped: nothing of what it owns goes on, and nobody else may take it.
  public let isStalled: Bool

  /// Whether it takes files from the spool; `astro run` runs its own file alone.
  public var takesFiles: Bool { mode != Runner.Mode.single.name }

  init?(_ seen: SeenRunner) {
    // `<mode>-<time>-<pid>-<random>`, as the runner named itself.
    let parts = seen.id.split(separator: "-")
    switch seen.state {
    case .dead: return nil
    case .working(let pid), .stopped(let pid): self.pid = pid
    case .unseen: pid = nil
    }
    if case .stopped = seen.state { isStalled = true } else { isStalled = false }
    id = seen.id
    mode = parts.first.map(String.init) ?? seen.id
    since = parts.count > 1 ? Timestamp(compact: String(parts[1])) : nil
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("runner_id", id)
    writer.member("mode", mode)
    writer.member("pid", ifPresent: pid)
    writer.member("since", ifPresent: since?.rfc3339)
    writer.member("stalled", isStalled)
    writer.endObject()
  }

  /// All runners of a home that hold their locks, oldest first.
  public static func all(dataDirectory: String) throws(Failure) -> [WorkingRunner] {
    var found: [WorkingRunner] = []
    for id in try RunnerLock.all(dataDirectory: dataDirectory) {
      if let runner = WorkingRunner(try RunnerLock.look(dataDirectory: dataDirectory, id: id)) { found.append(runner) }
    }
    return found.sorted { ($0.since ?? .init(microseconds: 0), $0.id) < ($1.since ?? .init(microseconds: 0), $1.id) }
  }

  /// Whether the owner of a run looks after it.
  public static func isAlive(_ owner: String?, dataDirectory: String) -> Bool {
    guard let owner else { return false }
    return (try? RunnerLock.look(dataDirectory: dataDirectory, id: owner).isAlive) ?? false
  }
}

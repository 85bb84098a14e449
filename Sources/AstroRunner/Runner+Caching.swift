import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Crypto
import Glibc

/// Results that stand for equal attempts: a hit takes no limit, no place and no money, and of equal attempts at the same
/// time one is made.
extension Runner {
  /// The largest stdout that is kept, in bytes.
  private static let mostKept = 1 << 20
  /// How long an attempt waits for one like it of another runner before it looks again; of its own it is told.
  private static let followPause = Duration.seconds(5)

  /// What the cache says to a start; `nil` when it is to be made.
  func askCache(_ start: AttemptStart, in transaction: Transaction) throws(Failure) -> Event? {
    guard let plan = start.cache, let key = cacheKey(of: start) else { return nil }
    let oldest = plan.maxAge.map { transaction.now.wall - $0 } ?? Timestamp(microseconds: 0)
    if let result = try transaction.reading.cached(key, since: oldest) {
      return try take(result, for: start, in: transaction)
    }
    guard try transaction.reading.isLed(key, isOver: allowances.isOver) else { return nil }
    followers[key, default: []].append(start.key)
    return .follows(start.key, atMost: Self.followPause)
  }

  /// Notes that others may wait for what a start comes to.
  func lead(_ start: AttemptStart, in transaction: Transaction) throws(Failure) {
    guard start.cache != nil, let key = cacheKey(of: start) else { return }
    leaders[start.key] = key
    try transaction.leads(start.key, under: key)
  }

  /// Keeps what a leader came to, and lets those go on who waited for it.
  func endLeading(_ key: AttemptKey, _ ending: AttemptEnding?, in transaction: Transaction) throws(Failure) {
    guard let cacheKey = leaders.removeValue(forKey: key) else { return }
    var result: CachedResult?
    if let ending, ending.outcome.isSuccess, let stdout = try kept(of: key) {
      result = CachedResult(
        outcome: ending.outcome, outputs: ending.outputs, stdout: stdout, createdAt: transaction.now.wall)
    }
    try transaction.keep(result, under: cacheKey)
    pending += (followers.removeValue(forKey: cacheKey) ?? []).map { .preceded($0) }
  }

  /// What an attempt printed; `nil` where it is too much to be kept.
  private func kept(of key: AttemptKey) throws(Failure) -> [UInt8]? {
    let bytes = try AttemptFiles(key, runs: home.runs).stdout(atMost: Self.mostKept + 1)
    return bytes.count <= Self.mostKept ? bytes : nil
  }

  /// Puts a result in the place of an attempt. Its output is written before the commit: a crash in between leaves a file
  /// that the next start writes again.
  private func take(
    _ result: CachedResult, for start: AttemptStart, in transaction: Transaction
  ) throws(Failure) -> Event {
    let files = AttemptFiles(start.key, runs: home.runs)
    if !result.stdout.isEmpty { try files.write(stdout: result.stdout) }
    try transaction.beginAttempt(
      AttemptRecord(
        key: start.key, agent: start.agent, launcher: id, started: transaction.now, bootID: journal.bootID))
    deltas.increment(.cacheHits, [start.agent])
    let now = transaction.now.wall
    var ending = AttemptEnding(
      key: start.key, outcome: result.outcome, startedAt: now, finishedAt: now, duration: .zero,
      outputs: result.outputs)
    ending.isCached = true
    if start.promise.keepsStdout { ending.stdout = try files.stdoutText() }
    return .cached(ending)
  }

  /// What attempts have in common that come to the same: everything that is resolved of them, but not which run they are of.
  /// `nil` for those that use secrets: what is not known is not compared.
  private func cacheKey(of start: AttemptStart) -> String? {
    guard start.secretEnvironment.isEmpty else { return nil }
    var parts: [String: JSONValue] = [
      "version": .integer(1), "user": .string(start.user), "agent": .string(start.agent),
      "settings": .string(configuration.agent(start.agent)?.settings.identity ?? ""),
      "outputs": .list(start.promise.outputs.map { .string($0) }),
      "environment": .list(start.environment.map { .list([.string($0.name), .string($0.value)]) }),
      "workdir": start.workdir.map { .string($0) } ?? .null,
    ]
    switch start.work {
    case .process(let arguments): parts["process"] = .list(arguments.map { .string($0) })
    case .request(let value):
      guard value.secrets.isEmpty else { return nil }
      let asked: JSONValue = value.revealed { _ in "" }
      parts["request"] = asked
      parts["tools"] = .list(start.tools(named: asked).map(\.identity))
      // What is in the files that code is shown is not known here.
      if agent.programs[start.agent] is CodeAgent, case .map(let members) = asked,
        members["files"] != nil || members["file"] != nil
      {
        return nil
      }
      if let performer = performers[start.agent], let request = try? request(of: start, revealing: false) {
        // An input that cannot be read is told by whoever performs it.
        guard let inputs = try? performer.inputs(of: request) else { return nil }
        parts["inputs"] = inputs
      }
    }
    return SHA256.hash(data: Array(JSONValue.map(parts).json.utf8)).map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count == 1 ? "0" + digits : digits
    }.joined()
  }
}

extension AttemptStart {
  /// The workflow's tools that a request names.
  fileprivate func tools(named request: JSONValue) -> [CommandTool] {
    guard case .map(let members) = request, case .list(let names)? = members["tools"] else { return [] }
    return tools.filter { names.contains(.string($0.name)) }
  }
}

extension AgentSettings {
  /// What of an agent decides what its attempts come to.
  fileprivate var identity: String {
    switch self {
    case .llm(let settings):
      "\(settings.dialect) \(settings.baseURL) \(settings.model ?? "") \(settings.apiVersion) \(settings.maxOutputTokens) \(settings.tools)"
    case .http(let settings): settings.baseURL ?? ""
    case .command(let settings): settings.map { "\($0.program) \($0.model ?? "")" } ?? ""
    case .code(let settings): "\(settings.engine) \(settings.image)"
    case .exec(let settings): "\(settings.command)"
    case .mcp: ""
    }
  }
}

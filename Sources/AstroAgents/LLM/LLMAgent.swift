public import AstroCore
public import AstroHTTP
public import AstroLLM
import Synchronization

/// Performs tasks by calls to a model: one for an answer, more where tools are called or an answer is not valid.
///
/// Every call is given leave first and accounted for after; what has been done is in the attempt's transcript before
/// anything is done on its word, so that an attempt that was parked, or whose runner died, goes on where it was.
public final class LLMAgent: Performer {
  /// Makes the tools of an attempt: those of these names, which the task may call.
  public typealias ToolBoxes =
    @Sendable (PerformanceRequest, _ names: [String]) async throws(Failure) -> any ToolBox

  let settings: LLMSettings
  /// Asked in this order where one before fails.
  let fallbacks: [LLMSettings]
  let transport: any HTTPTransport
  let clock: any AstroCore.Clock
  let toolBoxes: ToolBoxes
  /// Between two tries of one call.
  let sleep: @Sendable (Duration) async throws -> Void
  /// From 0 up to 1.
  let random: @Sendable () -> Double
  private let memory = Mutex(Memory())

  /// What all attempts of one agent learn from each other.
  private struct Memory {
    /// By the id of an agent.
    var adaptations: [String: Adaptation] = [:]
  }

  public init(
    _ settings: LLMSettings, fallbacks: [LLMSettings] = [], transport: any HTTPTransport, clock: any AstroCore.Clock,
    toolBoxes: @escaping ToolBoxes = LLMAgent.noTools,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) {
    self.settings = settings
    self.fallbacks = fallbacks
    self.transport = transport
    self.clock = clock
    self.toolBoxes = toolBoxes
    self.sleep = sleep
    self.random = random
  }

  public static let noTools: ToolBoxes = { _, names throws(Failure) in
    throw Failure(.configuration, subject: "tools", message: "there is no tool '\(names.first ?? "")'")
  }

  /// What a `with:` asks of this agent.
  public func task(_ with: JSONValue) throws(Failure) -> LLMTask { try LLMTask(with, of: settings.defaults) }

  // MARK: Performer

  public func ceiling(of request: PerformanceRequest) throws(Failure) -> CallCeiling? {
    if BatchEndpoint(request: request.with) != nil { return try firstBatchCall(of: request)?.ceiling }
    let task = try task(request.with)
    var parts: [ContentPart] = []
    var bytes: Int64 = 0
    for name in task.files {
      parts.append(.file(name: name, text: ""))
      bytes += Int64(try InputFile(name: name, directory: request.directory.files).size())
    }
    let plan = try LLMPrompt.plan(of: task, parts: parts)
    let target = try target(of: settings, task, request)
    // What the tools are is known once they run; what providers put before them, now.
    var call = ModelRequest(
      model: target.model, conversation: plan.conversation, maxOutputTokens: plan.ceilings.outputTokens,
      tools: task.tools.map { ToolDescription(name: $0) }, answerSchema: plan.answerSchema)
    if bytes > 0 {
      call.conversation.system =
        (call.conversation.system ?? "") + String(repeating: " ", count: Int(min(bytes, 1 << 26)))
    }
    var ceiling = target.ceiling(of: call)
    ceiling.tokens += Int64(task.images.count) * target.estimator.imageTokens(model: target.model)
    return ceiling
  }

  public func firstCall(of request: PerformanceRequest) throws(Failure) -> PlannedCall? {
    if BatchEndpoint(request: request.with) != nil { return try firstBatchCall(of: request) }
    return try ceiling(of: request).map { PlannedCall(to: settings.id, $0) }
  }

  /// Whom the calls of a task may go to, in the order they are asked; by their ids.
  public func seats(for with: JSONValue) -> [String] {
    (BatchEndpoint(request: with) == nil ? [settings] + fallbacks : batchSeats).map(\.id)
  }

  public func inputs(of with: JSONValue) throws(Failure) -> [String] {
    let task = try task(with)
    return task.files + task.images
  }

  public func perform(_ request: PerformanceRequest, desk: any CallDesk) async -> PerformanceResult {
    // Also what is wrong with a task may be told in its own words.
    let secrets = ([settings] + fallbacks).flatMap(\.hidden) + request.secrets
    return await performUnmasked(request, desk: desk).masked(secrets)
  }

  private func performUnmasked(_ request: PerformanceRequest, desk: any CallDesk) async -> PerformanceResult {
    do throws(Failure) {
      if let endpoint = BatchEndpoint(request: request.with) {
        var batch = try await BatchAttempt(self, request, desk, endpoint)
        return await batch.run()
      }
      var attempt = try await LLMAttempt(self, request, desk)
      return await attempt.run()
    } catch {
      let isOwn = error.code != .invalidWorkflow && error.code != .notFound
      return .ended(.init(.providerError, message: error.description, infrastructure: isOwn))
    }
  }

  public func probe() async -> String? {
    let encoder = DialectEncoder(
      dialect: settings.dialect, baseURL: settings.baseURL, version: settings.version, headers: settings.headers)
    do throws(Failure) {
      let request = encoder.listing(key: try settings.key())
      do throws(HTTPFailure) {
        let response = try await transport.send(request, within: settings.timeouts)
        defer { response.body.close() }
        switch response.status {
        case 401, 403: return "\(settings.baseURL) refuses the key: status \(response.status)"
        case 500...: return "\(settings.baseURL) answers with status \(response.status)"
        // Not every server lists its models.
        default: return nil
        }
      } catch { return error.description }
    } catch { return error.description }
  }

  // MARK: What attempts share

  func adaptation(of settings: LLMSettings) -> Adaptation {
    memory.withLock { $0.adaptations[settings.id] } ?? settings.adaptation
  }

  /// Changes what the agent's server refused; `false` when there is nothing to change.
  func avoid(_ parameter: String, for settings: LLMSettings) -> Bool {
    memory.withLock { memory in
      var adaptation = memory.adaptations[settings.id] ?? settings.adaptation
      guard adaptation.avoid(parameter) else { return false }
      memory.adaptations[settings.id] = adaptation
      return true
    }
  }

  /// Exponential, with full jitter, so that callers who failed together do not come back together; never sooner than the
  /// provider asks.
  func backoff(_ tries: Int, _ after: Duration?) -> Duration {
    let most = min(0.5 * Double(1 << (tries - 1)), 60)
    return max(after ?? .zero, .microseconds(Int64(most * random() * 1_000_000)))
  }

  /// - Throws: why no call can be made: no model, or none with the price that a bound on cost needs.
  func target(
    of settings: LLMSettings, _ task: LLMTask, _ request: PerformanceRequest
  ) throws(Failure) -> CallTarget {
    let own = settings.id == self.settings.id ? task.model : nil
    guard let model = own ?? settings.model else {
      throw Failure(
        .invalidWorkflow, subject: "with",
        message: "there is no 'model', and agent '\(settings.id)' has none of its own")
    }
    let price = settings.prices.price(of: model)
    if task.ceilings.cost != nil, price == nil {
      throw Failure(
        .invalidWorkflow, subject: "with",
        message: "'max_cost_usd' cannot be kept: the model '\(model)' has no price in config/models.yaml")
    }
    return CallTarget(model: model, price: price, estimator: TokenEstimator(dialect: settings.dialect))
  }
}

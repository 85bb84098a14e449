public import AstroCore
public import AstroHTTP

/// Makes one HTTP request for each task. The body of the answer becomes the attempt's `stdout`; `status`, `content_type`,
/// `bytes` and what `extract:` names become its outputs.
public struct HTTPAgent: Performer {
  public struct Settings: Sendable {
    /// What a `url` that begins with `/` is put behind; without a slash at its end.
    public var baseURL: String?
    /// Sent with each request to the server of ``baseURL``, or to every first one where there is none.
    public var headers: [(name: String, value: String)]
    /// Those in ``headers``: never to be written anywhere.
    public var secrets: [String]
    public var timeouts: HTTPTimeouts
    /// The longest answer, in bytes, of tasks that do not say.
    public var maxBytes: Int64

    public init(
      baseURL: String? = nil, headers: [(name: String, value: String)] = [], secrets: [String] = [],
      timeouts: HTTPTimeouts = HTTPTimeouts(), maxBytes: Int64 = 10 << 20
    ) {
      self.baseURL = baseURL
      self.headers = headers
      self.secrets = secrets
      self.timeouts = timeouts
      self.maxBytes = maxBytes
    }
  }

  private let settings: Settings
  private let transport: any HTTPTransport
  private let clock: any AstroCore.Clock

  public init(_ settings: Settings, transport: any HTTPTransport, clock: any AstroCore.Clock) {
    self.settings = settings
    self.transport = transport
    self.clock = clock
  }

  public func ceiling(of request: PerformanceRequest) throws(Failure) -> CallCeiling? {
    _ = try outgoing(HTTPTask(request.with))
    return nil
  }

  /// A server that answers anything at all is there.
  public func probe() async -> String? {
    guard let url = settings.baseURL else { return nil }
    let limit = min(settings.timeouts.total, Self.probeLimit)
    do throws(HTTPFailure) {
      let request = HTTPRequest(method: "HEAD", url: url, headers: settings.headers)
      try await transport.send(request, within: settings.timeouts.cut(to: limit)).body.close()
      return nil
    } catch {
      return error.description
    }
  }

  private static let probeLimit = Duration.seconds(5)

  public func perform(_ request: PerformanceRequest, desk: any CallDesk) async -> PerformanceResult {
    // Servers like to repeat what they are sent.
    let secrets = request.secrets + settings.secrets
    return await perform(request, hiding: secrets).masked(secrets)
  }

  private func perform(_ request: PerformanceRequest, hiding secrets: [String]) async -> PerformanceResult {
    do {
      let task = try HTTPTask(request.with)
      let timeouts = settings.timeouts.cut(to: task.timeout)
      let mark = task.isRepeatable ? nil : SentMark(request.key, in: request.directory)
      if let mark, try await !BlockingWork.run({ () throws(Failure) in try mark.set() }) {
        return .lost("its runner ended while it was sent: whether the server carried it out is not known")
      }
      let (response, url) = try await transport.send(
        try outgoing(task), within: timeouts, redirects: task.redirects)
      let exchange = HTTPExchange(
        task: task, response: response, url: url, limit: task.maxBytes ?? settings.maxBytes, secrets: secrets,
        isOfOneServer: settings.baseURL != nil)
      let result = try await exchange.result(for: request, now: clock.now().wall)
      if case .parked = result { mark?.clear() }
      return result
    } catch let failure as HTTPFailure {
      return .ended(Self.ending(of: failure))
    } catch {
      return .ended(.init(.toolError, message: "\(error)", infrastructure: (error as? Failure)?.errno != nil))
    }
  }

  private func outgoing(_ task: HTTPTask) throws(Failure) -> HTTPRequest {
    var url = task.url
    if url.hasPrefix("/") {
      guard let base = settings.baseURL else {
        throw Failure(
          .invalidWorkflow, subject: "with.url", message: "'\(url)' is a path, and the agent has no base_url")
      }
      url = base + url
    }
    var headers = task.headers
    if isHome(url) {
      let given = HTTPFields(task.headers)
      headers += settings.headers.filter { given[$0.name] == nil }
    }
    return HTTPRequest(method: task.method, url: url, headers: headers, body: task.body)
  }

  /// The agent's own fields may hold its key: with a server of its own, they are for that one only.
  private func isHome(_ url: String) -> Bool {
    guard let base = settings.baseURL else { return true }
    guard let base = try? HTTPURL(base), let url = try? HTTPURL(url) else { return false }
    return base.origin == url.origin
  }

  private static func ending(of failure: HTTPFailure) -> PerformanceResult.Ending {
    let name: AgentEnding =
      switch failure.cause {
      case .cancelled: .cancelled
      case .timeout: .timeout
      case .denied: .refused
      case .badRequest: .toolError
      default: .providerError
      }
    return .init(name, message: failure.description, infrastructure: failure.isUnreachable)
  }
}

extension HTTPTimeouts {
  /// The same, with less time for all of it; `nil` takes nothing away.
  fileprivate func cut(to total: Duration?) -> HTTPTimeouts {
    var timeouts = self
    if let total { timeouts.total = total }
    return timeouts
  }
}

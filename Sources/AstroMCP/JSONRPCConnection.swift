public import AstroCore
import Synchronization

/// One side of JSON-RPC 2.0 over a stream, in lines, as the Model Context Protocol has it over standard input and output.
/// Calls may be under way together and answered in any order.
///
/// Whatever the other side asks is answered with an error: here is nobody to ask. Answers to calls that nobody waits for any
/// more, second answers, and answers to what was never asked are passed over, as noise is.
public final class JSONRPCConnection: Sendable {
  /// The longest line of the other side, in bytes.
  public static let longestLine = 1 << 20

  private struct State {
    var broken: JSONRPCFailure.Break?
    var calls: [Int64: CheckedContinuation<Result<JSONValue, JSONRPCFailure>, Never>] = [:]
    var next: Int64 = 1
    var noise = Noise()
  }

  private let stream: any ByteStream
  private let longestLine: Int
  private let sleep: @Sendable (Duration) async throws -> Void
  private let state = Mutex(State())
  /// Is told the method of each notification, between two messages.
  private let notified: @Sendable (String) -> Void

  public init(
    _ stream: any ByteStream, longestLine: Int = JSONRPCConnection.longestLine,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    notified: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.stream = stream
    self.longestLine = longestLine
    self.sleep = sleep
    self.notified = notified
  }

  // MARK: Calling

  /// Calls a method.
  public func call(
    _ method: String, _ params: JSONValue? = nil, within limit: Duration
  ) async throws(JSONRPCFailure) -> JSONValue {
    let id = state.withLock { state in
      defer { state.next += 1 }
      return state.next
    }
    let line = JSONRPCMessage.line(request: id, method, params)
    let result = await withTaskGroup(of: Result<JSONValue, JSONRPCFailure>.self) { [sleep] group in
      group.addTask { await self.answer(to: id, line) }
      group.addTask {
        do {
          try await sleep(limit)
          return .failure(.timedOut(limit))
        } catch {
          return .failure(.cancelled)
        }
      }
      // There are two, so that one is first.
      let first = await group.next() ?? .failure(.cancelled)
      group.cancelAll()
      return first
    }
    switch result {
    case .failure(.timedOut): abandon(method, id, "no answer in time")
    case .failure(.cancelled): abandon(method, id, "cancelled")
    case .success, .failure(.error), .failure(.broken): break
    }
    return try result.get()
  }

  public func notify(_ method: String, _ params: JSONValue? = nil) {
    send(JSONRPCMessage.line(notification: method, params))
  }

  /// What has been passed over so far.
  public var noise: Noise { state.withLock { $0.noise } }
  /// Why nothing can be said any more; `nil` while it can.
  public var broken: JSONRPCFailure.Break? { state.withLock { $0.broken } }

  private func answer(to id: Int64, _ line: [UInt8]) async -> Result<JSONValue, JSONRPCFailure> {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let broken = state.withLock { state in
          if state.broken == nil { state.calls[id] = continuation }
          return state.broken
        }
        if let broken { return continuation.resume(returning: .failure(.broken(broken))) }
        if Task.isCancelled { settle(id, .failure(.cancelled)) } else { send(line) }
      }
    } onCancel: {
      settle(id, .failure(.cancelled))
    }
  }

  /// Nobody waits any more: the other side may stop working at it. `initialize` may not be cancelled (MCP,
  /// utilities/cancellation).
  private func abandon(_ method: String, _ id: Int64, _ reason: String) {
    if method == "initialize" { return }
    notify("notifications/cancelled", .map(["requestId": .integer(id), "reason": .string(reason)]))
  }

  private func settle(_ id: Int64, _ result: Result<JSONValue, JSONRPCFailure>) {
    state.withLock { $0.calls.removeValue(forKey: id) }?.resume(returning: result)
  }

  private func send(_ line: [UInt8]) {
    if broken == nil, !stream.write(line) { close(.deaf) }
  }

  // MARK: Listening

  /// Takes what the other side says until it ends, or says what cannot be borne, or the task is cancelled.
  public func listen() async {
    var lines = MessageLines(limit: longestLine)
    while broken == nil, let piece = await stream.read() {
      lines.append(piece)
      do throws(MessageLines.TooLong) {
        while broken == nil, let line = try lines.next() { take(line) }
      } catch {
        return close(.longLine(error.limit))
      }
    }
    close(Task.isCancelled ? .closed : .ended)
  }

  private func take(_ line: ArraySlice<UInt8>) {
    do throws(JSONRPCMessage.Refusal) {
      let message = try JSONRPCMessage.read(line)
      state.withLock { $0.noise.interrupt() }
      switch message {
      case .answer(.integer(let id), let result): settle(id, result.mapError(JSONRPCFailure.error))
      case .answer: pass(over: line)
      case .notification(let method): notified(method)
      case .request(let id, "ping"): send(JSONRPCMessage.line(answerTo: id, .success(.map([:]))))
      case .request(let id, let method):
        let error = JSONRPCError(code: JSONRPCError.methodNotFound, message: "Method not found: \(method)")
        send(JSONRPCMessage.line(answerTo: id, .failure(error)))
      }
    } catch {
      switch error {
      case .batch: close(.batch)
      case .noise: pass(over: line)
      }
    }
  }

  private func pass(over line: ArraySlice<UInt8>) {
    let excess = state.withLock { state in state.noise.count(line) ? nil : state.noise }
    if let excess { close(.nonsense(lines: excess.linesInARow, last: excess.last)) }
  }

  /// Ends it: calls under way fail, and the other side finds the end of its input.
  public func close(_ reason: JSONRPCFailure.Break = .closed) {
    let calls = state.withLock { state in
      defer { state.calls = [:] }
      if state.broken == nil { state.broken = reason }
      return state.calls.values.map { $0 }
    }
    stream.finish()
    for continuation in calls { continuation.resume(returning: .failure(.broken(reason))) }
  }
}

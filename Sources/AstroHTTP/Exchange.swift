import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// One request and its answer: what the client library tells on its thread meets here what a task awaits, and the clocks of
/// its four parts.
///
/// A body is read ahead by 64 KiB and one part; beyond that the connection is left to fill up, so that the server waits
/// for the reader.
final class Exchange: HTTPClientResponseDelegate {
  typealias Response = Void
  typealias Head = (status: Int, headers: HTTPFields)
  typealias HeadWaiter = CheckedContinuation<Result<Head, HTTPFailure>, Never>
  typealias PartWaiter = CheckedContinuation<Result<[UInt8]?, HTTPFailure>, Never>

  struct State {
    var stage = Stage.opening(isSent: false, nil)
    var task: HTTPClient.Task<Void>?
    var watch: ExchangeWatch
  }

  enum Stage {
    case opening(isSent: Bool, HeadWaiter?)
    case answering(Answer)
    case whole(unread: [UInt8])
    /// What had come before is still to be had: half an answer is paid for, too.
    case failed(HTTPFailure, unread: [UInt8] = [])
  }

  struct Answer {
    var unread: [UInt8] = []
    var received = 0
    var reader: PartWaiter?
    /// Holds the connection back until what is unread has been taken.
    var held: EventLoopPromise<Void>?
  }

  static let readAhead = 64 << 10

  let url: String
  let timeouts: HTTPTimeouts
  let loop: any EventLoop
  let state: Mutex<State>
  /// Keeps the client from being closed under the exchange.
  private let lease: ClientLease

  init(url: String, timeouts: HTTPTimeouts, lease: ClientLease, loop: any EventLoop) {
    self.url = url
    self.timeouts = timeouts
    self.lease = lease
    self.loop = loop
    state = Mutex(State(watch: ExchangeWatch(timeouts)))
  }

  /// Sends the request and waits for the head of the answer.
  func open(_ request: HTTPClient.Request) async throws(HTTPFailure) -> Head {
    try await withTaskCancellationHandler {
      await withCheckedContinuation { start(request, $0) }
    } onCancel: {
      fail(.cancelled)
    }.get()
  }

  private func start(_ request: HTTPClient.Request, _ waiter: HeadWaiter) {
    let early: HTTPFailure? = state.withLock { state in
      if case .failed(let failure, _) = state.stage { return failure }
      state.stage = .opening(isSent: false, waiter)
      return nil
    }
    if let early { return waiter.resume(returning: .failure(early)) }
    // All of it where the connections live: one change of threads, and not one for each thing the library does.
    loop.execute { self.send(request) }
  }

  private func send(_ request: HTTPClient.Request) {
    arm()
    guard state.withLock({ $0.stage.isGoingOn }) else { return }
    let task = lease.client.execute(request: request, delegate: self)
    let isOver = state.withLock { state in
      switch state.stage {
      case .opening, .answering: state.task = task
      case .whole: break
      case .failed: return true
      }
      return false
    }
    if isOver { task.cancel() }
  }

  /// The next part of the body.
  func next() async throws(HTTPFailure) -> [UInt8]? {
    if let ready = take() { return try ready.get() }
    return try await withTaskCancellationHandler {
      await withCheckedContinuation { reader in
        if let ready = take(orWait: reader) { reader.resume(returning: ready) }
      }
    } onCancel: {
      fail(.cancelled)
    }.get()
  }

  /// What there is without waiting; where there is nothing, `reader` is resumed when something comes.
  private func take(orWait reader: PartWaiter? = nil) -> Result<[UInt8]?, HTTPFailure>? {
    let (ready, held) = state.withLock { state in state.stage.take(orWait: reader) }
    if let held {
      loop.execute {
        self.touch(.idle)
        held.succeed(())
      }
    }
    return ready
  }

  /// Ends it unless it is over: whoever waits is told, and the connection is closed.
  func fail(_ cause: HTTPFailure.Cause) {
    let failure = HTTPFailure(cause, url: url)
    let (former, task) = state.withLock { state -> (Stage, HTTPClient.Task<Void>?) in
      let former = state.stage
      switch former {
      case .whole, .failed: return (former, nil)
      case .opening: state.stage = .failed(failure)
      case .answering(let answer): state.stage = .failed(failure, unread: cause == .cancelled ? [] : answer.unread)
      }
      state.watch.stop()
      return (former, state.task.take())
    }
    switch former {
    case .opening(_, let waiter): waiter?.resume(returning: .failure(failure))
    case .answering(let answer):
      answer.reader?.resume(returning: .failure(failure))
      answer.held?.fail(failure)
    case .whole, .failed: break
    }
    task?.fail(reason: failure)
  }
}

extension Exchange.Stage {
  var isGoingOn: Bool {
    switch self {
    case .opening, .answering: true
    case .whole, .failed: false
    }
  }

  mutating func take(
    orWait reader: Exchange.PartWaiter?
  ) -> (ready: Result<[UInt8]?, HTTPFailure>?, held: EventLoopPromise<Void>?) {
    switch self {
    case .opening: preconditionFailure("a body is read before its head is there")
    case .failed(let failure, let unread):
      self = .failed(failure)
      return (unread.isEmpty ? .failure(failure) : .success(unread), nil)
    case .whole(let unread):
      self = .whole(unread: [])
      return (.success(unread.isEmpty ? nil : unread), nil)
    case .answering(var answer):
      precondition(answer.reader == nil, "a body is read by two tasks at once")
      let unread = answer.unread
      let held = answer.held.take()
      answer.unread = []
      if unread.isEmpty { answer.reader = reader }
      self = .answering(answer)
      return (unread.isEmpty ? nil : .success(unread), held)
    }
  }
}

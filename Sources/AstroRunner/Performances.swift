import AstroAgents
import AstroCore
import CLinux
import Glibc
import Synchronization

/// Attempts that agents perform in this process, beside the loop: they ask it for leave before each call that costs and tell
/// it what came of them, by messages that it takes when ``descriptor`` is readable.
final class Performances: Sendable {
  enum Message: Sendable {
    case asked(Ask)
    case probed(agent: String, problem: String?)
    /// The files of a task that may be spared; ``Lookup/number``.
    case read(AttemptKey, Int64, InputDigests)
    /// `unused` was granted with the start and not needed.
    case ended(AttemptKey, PerformanceResult, since: Moment, unused: CallID?)
  }

  private struct State {
    var tasks: [AttemptKey: Task<Void, Never>] = [:]
    var messages: [Message] = []
    var isClosed = false
  }

  let descriptor = clinux_eventfd()
  private let clock: any AstroCore.Clock
  private let state = Mutex(State())

  init(clock: any AstroCore.Clock) { self.clock = clock }

  deinit {
    close()
    Glibc.close(descriptor)
  }

  /// Begins an attempt that is in the journal already.
  /// - Parameter granted: the leave for its first call, taken with its start.
  func start(_ request: PerformanceRequest, with performer: any Performer, granted: (CallID, PlannedCall)?) {
    let since = clock.now()
    let desk = LoopDesk(request.key, granted: granted) { [weak self] in self?.post($0) }
    state.withLock { state in
      guard !state.isClosed else { return }
      // Outside every task: the loop is a thread of its own that sleeps in poll(2). Its end is told by a message, and
      // `close` cancels it.
      state.tasks[request.key] = Task { [weak self] in
        let result = await performer.perform(request, desk: desk)
        self?.end(.ended(request.key, result, since: since, unused: desk.takeGranted()), of: request.key)
      }
    }
  }

  /// Asks an agent whether it works.
  func probe(_ agent: String, _ ask: @escaping @Sendable () async -> String?) {
    // Outside every task for the same reason; it says one thing and is done.
    Task { [weak self] in
      let problem = await ask()
      self?.post(.probed(agent: agent, problem: problem))
    }
  }

  /// Reads the files that a task names. Cancelled, it says nothing.
  func digest(_ names: Set<String>, in directory: String, for key: AttemptKey, _ number: Int64) -> Task<Void, Never> {
    // Outside every task for the same reason; whoever does not want it any more cancels it.
    Task { [weak self] in
      let digests = await InputDigests(of: names, in: directory)
      if !Task.isCancelled { self?.post(.read(key, number, digests)) }
    }
  }

  /// Asks an attempt to end.
  /// - Returns: false when it is none of these.
  func cancel(_ key: AttemptKey) -> Bool {
    let task = state.withLock { $0.tasks[key] }
    task?.cancel()
    return task != nil
  }

  /// What was told since the last call, in order.
  func take() -> [Message] {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
    return state.withLock { state in
      defer { state.messages.removeAll() }
      return state.messages
    }
  }

  /// Ends everything at once: the attempts are left without an outcome, for the next runner to go on with.
  func close() {
    let tasks = state.withLock { state in
      state.isClosed = true
      // Their replies go with them, and answer for themselves.
      state.messages.removeAll()
      return state.tasks.values.map { $0 }
    }
    for task in tasks { task.cancel() }
  }

  /// Waits until nothing is performed any more, at most `patience`: what agents have started for themselves ends with them.
  func drain(patience: Duration) {
    let until = clock.now().boot + patience.microseconds
    while state.withLock({ !$0.tasks.isEmpty }) {
      let left = until - clock.now().boot
      guard left > 0 else { return }
      var poller = Poller()
      poller.watch(descriptor)
      poller.wait(atMost: left)
      _ = take()
    }
  }

  private func post(_ message: Message) {
    let isOpen = state.withLock { state in
      if !state.isClosed { state.messages.append(message) }
      return !state.isClosed
    }
    if isOpen { ring() }
  }

  private func end(_ message: Message, of key: AttemptKey) {
    state.withLock { state in
      state.tasks[key] = nil
      if !state.isClosed { state.messages.append(message) }
    }
    ring()
  }

  private func ring() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }
}

/// What a performed attempt asks of the loop.
enum Ask: Sendable {
  case leave(LeaveAsk)
  case settle(CallSettlement)
}

/// What one attempt says that a call took.
struct CallSettlement: Sendable {
  var key: AttemptKey
  var call: CallID
  var account: CallAccount
  let reply: Reply<Void>
}

/// Leave that one attempt asks for one call.
struct LeaveAsk: Sendable {
  var key: AttemptKey
  var call: PlannedCall
  var patience: Duration
  /// Granted with the start, and too little.
  var replacing: CallID?
  let reply: Reply<CallLeave>
  /// It has been refused before, and waits.
  var isRefused = false
}

/// Where one attempt waits for an answer of the loop. One that nobody answers, because the loop has ended, answers for
/// itself: nobody waits for ever.
final class Reply<Value: Sendable>: Sendable {
  private let continuation: Mutex<CheckedContinuation<Value, Never>?>
  private let otherwise: Value

  init(_ continuation: CheckedContinuation<Value, Never>, otherwise: Value) {
    self.continuation = Mutex(continuation)
    self.otherwise = otherwise
  }

  deinit { answer(otherwise) }

  func answer(_ value: Value) {
    let waiting = continuation.withLock { continuation in
      defer { continuation = nil }
      return continuation
    }
    waiting?.resume(returning: value)
  }
}

/// The desk of one attempt: passes what it asks to the loop.
private final class LoopDesk: CallDesk {
  private let key: AttemptKey
  private let granted: Mutex<(id: CallID, call: PlannedCall)?>
  private let post: @Sendable (Performances.Message) -> Void

  init(
    _ key: AttemptKey, granted: (CallID, PlannedCall)?, post: @escaping @Sendable (Performances.Message) -> Void
  ) {
    self.key = key
    self.granted = Mutex(granted.map { (id: $0.0, call: $0.1) })
    self.post = post
  }

  /// What was granted with the start and has not been used; the caller gives it back.
  func takeGranted() -> CallID? {
    granted.withLock { granted in
      defer { granted = nil }
      return granted?.id
    }
  }

  func leave(for call: PlannedCall, patience: Duration) async -> CallLeave {
    let first = granted.withLock { granted in
      defer { granted = nil }
      return granted
    }
    if let first, first.call.covers(call) { return .granted(first.id) }
    return await withCheckedContinuation {
      post(
        .asked(
          .leave(
            LeaveAsk(
              key: key, call: call, patience: patience, replacing: first?.id, reply: Reply($0, otherwise: .gone)))))
    }
  }

  func settle(_ call: CallID, _ account: CallAccount) async {
    await withCheckedContinuation {
      post(.asked(.settle(CallSettlement(key: key, call: call, account: account, reply: Reply($0, otherwise: ())))))
    }
  }
}

extension PlannedCall {
  /// Whether leave for this is leave for `other`.
  fileprivate func covers(_ other: PlannedCall) -> Bool {
    guard agent == other.agent, line == other.line, ceiling.model == other.ceiling.model,
      ceiling.tokens >= other.ceiling.tokens
    else { return false }
    guard let wanted = other.ceiling.cost else { return true }
    return ceiling.cost.map { $0 >= wanted } ?? false
  }
}

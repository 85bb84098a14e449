public import AstroCore

/// Leave that an attempt which runs asks for one more call.
public struct CallAsk: Sendable, Hashable {
  /// In the order they came.
  public var number: Int64
  public var key: AttemptKey
  /// Whom the call goes to.
  public var agent: String
  /// Until when it may wait here for a limit, in boot time; where it would be longer it is told so at once.
  public var until: Int64
  /// It takes the place of a call granted before, in which its user has had its turn: it does not stand in the line.
  public var isReplacing: Bool

  public init(number: Int64, of key: AttemptKey, to agent: String, until: Int64, isReplacing: Bool = false) {
    self.number = number
    self.key = key
    self.agent = agent
    self.until = until
    self.isReplacing = isReplacing
  }

  /// Whether it stays in the line when it is refused at `now`, in boot time.
  public func waits(for verdict: LimitVerdict, at now: Int64) -> Bool {
    !isReplacing && verdict.bindsOthers && now + verdict.retryAfter.microseconds <= until
  }
}

/// What came of an ask that was admitted.
public enum LeaveAnswer: Sendable {
  case granted
  /// It stays in the line, or has been told.
  case refused(LimitVerdict, waits: Bool)
  /// It has been told something else.
  case over
}

extension CallAsk: Comparable {
  public static func < (a: CallAsk, b: CallAsk) -> Bool { a.number < b.number }
}

/// Calls of attempts that run, in one line with the starts of others: what a limit lets through goes to each user in turn,
/// however many calls one of them could make at a time.
extension Scheduler {
  mutating func asked(_ ask: CallAsk) {
    guard !ask.isReplacing, let run = runs[ask.key.workflow], let index = run.indices[ask.key.task] else {
      return decisions.append(.admit(ask))
    }
    var lane = lane(of: TaskReference(run: run.id, index: index), in: run)
    lane.request = AgentRequest(name: ask.agent, form: .with)
    let entry = FairQueue.Entry(priority: run.priority, age: run.order, position: index, item: ask)
    asks.insert(entry, in: lane)
  }

  mutating func answered(_ ask: CallAsk, _ answer: LeaveAnswer) {
    guard let (lane, entry) = admitted, entry.item == ask else { return }
    admitted = nil
    switch answer {
    case .granted: share.serve(lane.user)
    case .over: share.giveBack(lane.user)
    case .refused(let verdict, let waits):
      share.giveBack(lane.user)
      let place = LimitPlace(limiter: verdict.limiter, key: verdict.key).waitedFor
      let until = now.boot + max(.milliseconds(1), verdict.retryAfter).microseconds
      if verdict.bindsOthers { block(place, until: until) }
      guard waits else { return }
      // Of a limit that is not known to be one of its own, it would be asked again at once, for ever.
      if isOpen(lane) { decisions.append(.turnAway(ask, place, until: until)) } else { asks.insert(entry, in: lane) }
    }
  }

  /// Serves what agents perform themselves: calls of attempts that run, and starts, each whenever it is its user's turn.
  ///
  /// One ask at a time: what it is answered decides what comes next, and nobody behind it may overtake it meanwhile. The answer
  /// comes with the same transaction.
  mutating func servePerformers() {
    turnAway()
    while admitted == nil {
      let ask = asks.best(by: share) { isOpen($0) }
      let start = isStopping || !agents.hasPerformers ? nil : bestStart(spare: 0, where: \.isPerformer)
      if let ask, start.map({ !$0.rank.precedes(ask.rank) }) ?? true {
        asks.remove(ask)
        share.take(ask.lane.user)
        admitted = (ask.lane, ask.entry)
        decisions.append(.admit(ask.entry.item))
      } else if let start {
        begin(start, spare: 0, where: \.isPerformer)
      } else {
        return
      }
    }
  }

  /// Until when the limits of a call are used up, and which of them opens last; `nil` where none is known to be.
  private func obstacle(to lane: FairQueue<CallAsk>.Lane) -> (place: LimitPlace, until: Int64)? {
    guard !blocked.isEmpty, let id = lane.request.name, let agent = agents.index(of: id) else { return nil }
    let places = policy.places(lane, agents.entries[agent].member).flatMap { [$0, $0.slots] }
    let used = places.compactMap { place in blocked[place].map { (place, $0) } }
    return used.max { $0.1 < $1.1 }
  }

  private func isOpen(_ lane: FairQueue<CallAsk>.Lane) -> Bool { obstacle(to: lane) == nil }

  /// Tells those who wait for a limit that opens later than they can wait.
  private mutating func turnAway() {
    guard !blocked.isEmpty, !asks.isEmpty else { return }
    var obstacles: [FairQueue<CallAsk>.Lane: (place: LimitPlace, until: Int64)] = [:]
    asks.forEachLane { lane, _ in obstacles[lane] = obstacle(to: lane) }
    guard !obstacles.isEmpty else { return }
    for (lane, ask) in asks.removeAll(where: { lane, ask in
      obstacles[lane].map { $0.until > ask.until } ?? false
    }) {
      guard let (place, until) = obstacles[lane] else { continue }
      decisions.append(.turnAway(ask, place, until: until))
    }
  }
}

public import AstroCore
import HeapModule

/// Work that could start now, in one lane for each user, kind of agent asked for and limits taken, so that a full
/// agent, a throttled user or a limit that is used up hides nobody else's work. Holds tasks in the scheduler and files in the spool's intake: both are
/// served in the same order.
///
/// Order: higher priority first; then between users by their ``FairShare``, which queues of one line have in common; then the
/// oldest, then by position, then by name, so that the order never is an accident.
public struct FairQueue<Item: Hashable & Comparable & Sendable>: Sendable {
  public typealias Lane = FairLane

  /// The best entry of some lanes.
  public struct Head {
    public var lane: Lane
    public var entry: Entry
    public var rank: FairRank
  }

  public struct Entry: Comparable, Sendable {
    public var priority: Int
    /// Smaller is older: a run's turn, or a file's time.
    public var age: Int64
    /// Among equals of one age.
    public var position: Int
    public var item: Item

    public init(priority: Int, age: Int64, position: Int = 0, item: Item) {
      self.priority = priority
      self.age = age
      self.position = position
      self.item = item
    }

    public static func < (a: Entry, b: Entry) -> Bool {
      if a.priority != b.priority { return a.priority > b.priority }
      if a.age != b.age { return a.age < b.age }
      if a.position != b.position { return a.position < b.position }
      return a.item < b.item
    }
    public static func == (a: Entry, b: Entry) -> Bool { a.item == b.item }
  }

  private var lanes: [Lane: Heap<Entry>] = [:]

  public init() {}

  public var isEmpty: Bool { lanes.isEmpty }

  public mutating func insert(_ entry: Entry, in lane: Lane) { lanes[lane, default: Heap()].insert(entry) }

  /// The best entry of those lanes that `admits` lets pass.
  public func best(by share: FairShare, where admits: (Lane) -> Bool) -> Head? {
    var best: Head?
    for (lane, heap) in lanes {
      guard let entry = heap.min, admits(lane) else { continue }
      let rank = FairRank(priority: entry.priority, place: share.place(of: lane.user), age: entry.age)
      if let other = best, !rank.precedes(other.rank), other.rank.precedes(rank) || other.entry < entry { continue }
      best = Head(lane: lane, entry: entry, rank: rank)
    }
    return best
  }

  /// Takes out what ``best(by:where:)`` gave.
  public mutating func remove(_ head: Head) {
    lanes[head.lane]?.removeMin()
    if lanes[head.lane]?.isEmpty == true { lanes[head.lane] = nil }
  }

  /// Forgets every entry that `matches`.
  @discardableResult
  public mutating func removeAll(where matches: (Lane, Item) -> Bool) -> [(lane: Lane, item: Item)] {
    var removed: [(lane: Lane, item: Item)] = []
    for (lane, heap) in lanes {
      var kept: [Entry] = []
      for entry in heap.unordered {
        if matches(lane, entry.item) { removed.append((lane, entry.item)) } else { kept.append(entry) }
      }
      if kept.count < heap.count { lanes[lane] = kept.isEmpty ? nil : Heap(kept) }
    }
    return removed.sorted { $0.item < $1.item }
  }

  /// What its items ask for.
  public var requests: Set<AgentRequest> { Set(lanes.keys.map(\.request)) }

  /// Each lane and how many items it holds, in no order.
  public func forEachLane(_ body: (Lane, Int) -> Void) { for (lane, heap) in lanes { body(lane, heap.count) } }

  /// Whether some lane holds an entry that `admits` lets pass.
  public func contains(where admits: (Lane) -> Bool) -> Bool { lanes.keys.contains(where: admits) }
}

/// What all items of a lane have in common.
public struct FairLane: Hashable, Sendable {
  public var user: String
  public var request: AgentRequest
  /// Named limits that each of its items takes.
  public var limits: [String]
  /// Where limits, or a budget, are of one run alone.
  public var workflow: WorkflowID?

  public init(
    user: String, request: AgentRequest = AgentRequest(), limits: [String] = [], workflow: WorkflowID? = nil
  ) {
    self.user = user
    self.request = request
    self.limits = limits
    self.workflow = workflow
  }
}

/// Where the head of a lane stands, among lanes of all queues of one line.
public struct FairRank: Sendable {
  var priority: Int
  var place: FairShare.Place
  var age: Int64

  public func precedes(_ other: FairRank) -> Bool {
    if priority != other.priority { return priority > other.priority }
    if place != other.place { return place < other.place }
    return age < other.age
  }
}

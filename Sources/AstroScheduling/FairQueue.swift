public import AstroCore
import HeapModule

/// Work that could start now, in one lane for each user, kind of agent asked for and limits taken, so that a full
/// agent, a throttled user or a limit that is used up hides nobody else's work. Holds tasks in the scheduler and files in the spool's intake: both are
/// served in the same order.
///
/// Order: higher priority first; then between users by start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM '96, all
/// weights one): every start advances its user's tag by one, the smallest tag is served, a newcomer begins at the tag
/// served last; then the oldest, then by position, then by name, so that the order never is an accident.
public struct FairQueue<Item: Hashable & Comparable & Sendable>: Sendable {
  public struct Lane: Hashable, Sendable {
    public var user: String
    public var request: AgentRequest
    /// Named limits that each of its items takes.
    public var limits: [String]
    /// Where limits are of one run alone.
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
  private var tags: [String: UInt64] = [:]
  private var served: UInt64 = 0

  public init() {}

  public var isEmpty: Bool { lanes.isEmpty }

  public mutating func insert(_ entry: Entry, in lane: Lane) { lanes[lane, default: Heap()].insert(entry) }

  /// Takes the best entry of those lanes that `admits` lets pass.
  public mutating func pop(where admits: (Lane) -> Bool) -> Entry? {
    var best: (lane: Lane, head: Entry, tag: UInt64)?
    for (lane, heap) in lanes {
      guard let head = heap.min, admits(lane) else { continue }
      let tag = max(tags[lane.user] ?? 0, served)
      if let other = best {
        if head.priority < other.head.priority { continue }
        if head.priority == other.head.priority {
          if tag > other.tag { continue }
          if tag == other.tag, !(head < other.head) { continue }
        }
      }
      best = (lane, head, tag)
    }
    guard let best else { return nil }
    lanes[best.lane]?.removeMin()
    if lanes[best.lane]?.isEmpty == true { lanes[best.lane] = nil }
    served = best.tag
    tags[best.lane.user] = best.tag + 1
    if tags.count > 1000 { tags = tags.filter { $0.value > served } }  // idle users are forgotten
    return best.head
  }

  /// Forgets every entry that `matches`.
  public mutating func removeAll(where matches: (Item) -> Bool) {
    for (lane, heap) in lanes {
      let kept = heap.unordered.filter { !matches($0.item) }
      lanes[lane] = kept.isEmpty ? nil : Heap(kept)
    }
  }

  /// What its items ask for.
  public var requests: Set<AgentRequest> { Set(lanes.keys.map(\.request)) }

  /// Each lane and how many items it holds, in no order.
  public func forEachLane(_ body: (Lane, Int) -> Void) { for (lane, heap) in lanes { body(lane, heap.count) } }

  /// Whether some lane holds an entry that `admits` lets pass.
  public func contains(where admits: (Lane) -> Bool) -> Bool { lanes.keys.contains(where: admits) }
}

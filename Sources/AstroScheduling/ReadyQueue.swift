import AstroCore
import HeapModule

/// The place of a task: its run and its position in the plan.
struct TaskReference: Hashable {
  var run: WorkflowID
  var index: Int
}

/// Tasks that could start now, in one lane for each user and kind of agent asked for, so that a full agent or a
/// throttled user hides nobody else's tasks.
///
/// Order: higher priority first; then between users by start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM '96, all
/// weights one): every start advances its user's tag by one, the smallest tag is served, a newcomer begins at the tag
/// served last; then the oldest run, then the order of the file.
struct ReadyQueue {
  struct Lane: Hashable {
    var user: String
    var request: AgentRequest
  }

  struct Entry: Comparable {
    var priority: Int
    var runOrder: UInt64
    var task: TaskReference

    static func < (a: Entry, b: Entry) -> Bool {
      if a.priority != b.priority { return a.priority > b.priority }
      if a.runOrder != b.runOrder { return a.runOrder < b.runOrder }
      return a.task.index < b.task.index
    }
    static func == (a: Entry, b: Entry) -> Bool { a.task == b.task }
  }

  private var lanes: [Lane: Heap<Entry>] = [:]
  private var tags: [String: UInt64] = [:]
  private var served: UInt64 = 0

  var isEmpty: Bool { lanes.isEmpty }

  mutating func insert(_ entry: Entry, in lane: Lane) { lanes[lane, default: Heap()].insert(entry) }

  /// Takes the best task of those lanes that `admits` lets pass.
  mutating func pop(where admits: (Lane) -> Bool) -> Entry? {
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

  /// Forgets every task of a run.
  mutating func removeAll(of run: WorkflowID) {
    for (lane, heap) in lanes {
      let kept = heap.unordered.filter { $0.task.run != run }
      lanes[lane] = kept.isEmpty ? nil : Heap(kept)
    }
  }

  /// Whether some lane holds a task that `admits` lets pass.
  func contains(where admits: (Lane) -> Bool) -> Bool { lanes.keys.contains(where: admits) }
}

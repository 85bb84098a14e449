import AstroCore
import HeapModule

/// The place of a task: its run and its position in the plan.
struct TaskReference: Hashable, Comparable {
  var run: WorkflowID
  var index: Int

  static func < (a: TaskReference, b: TaskReference) -> Bool { (a.run, a.index) < (b.run, b.index) }
}

/// What falls due, by boot time. Nothing is removed early one by one: a timer that no longer means anything is recognised
/// when it fires, and all of these are dropped together whenever the queue has doubled.
struct TimerQueue {
  enum Purpose: Equatable {
    /// A task that waits until `until` has done so.
    case retry(TaskReference, until: Int64)
    /// What was launched has had its time. `launch` is ``TaskRuntime/launches``: an attempt may be begun more than once.
    case timeout(TaskReference, launch: Int32)
    /// It was asked to end and has not.
    case kill(TaskReference, launch: Int32)
    /// `life` is the run's ``ActiveRun/order``: a run that ended and was retried has another.
    case deadline(WorkflowID, life: Int64)
    /// A limit opens.
    case unblock(LimitPlace)
    case probe(agent: String)
  }

  private struct Entry: Comparable {
    var due: Int64
    var sequence: UInt64
    var purpose: Purpose
    static func < (a: Entry, b: Entry) -> Bool { (a.due, a.sequence) < (b.due, b.sequence) }
    static func == (a: Entry, b: Entry) -> Bool { a.sequence == b.sequence }
  }

  private var heap = Heap<Entry>()
  private var sequence: UInt64 = 0

  /// Boot time of the next one, in microseconds.
  var nextDue: Int64? { heap.min?.due }

  /// The same among those that `matches` picks; linear in the number of timers.
  func nextDue(where matches: (Purpose) -> Bool) -> Int64? {
    var earliest: Int64?
    for entry in heap.unordered where matches(entry.purpose) { earliest = min(entry.due, earliest ?? .max) }
    return earliest
  }

  mutating func add(_ purpose: Purpose, at due: Int64) {
    sequence += 1
    heap.insert(Entry(due: due, sequence: sequence, purpose: purpose))
  }

  private static let fewest = 1024
  private var crowd = fewest

  var count: Int { heap.count }

  /// Whether the queue has doubled since those that mean nothing any more were last dropped: done then, it costs each timer
  /// a constant in the mean, and the queue never takes more than twice the room of those that matter.
  var isCrowded: Bool { heap.count >= crowd }

  func keeping(_ isLive: (Purpose) -> Bool) -> TimerQueue {
    var kept = self
    kept.heap = Heap(heap.unordered.filter { isLive($0.purpose) })
    kept.crowd = max(Self.fewest, kept.heap.count * 2)
    return kept
  }

  mutating func popDue(at boot: Int64) -> Purpose? {
    guard let first = heap.min, first.due <= boot else { return nil }
    return heap.removeMin().purpose
  }
}

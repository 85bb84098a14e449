import AstroCore
import HeapModule

/// Tasks that are to be looked up in the cache, the most urgent first. It is not shared out between users: a look takes
/// nothing that others could want.
struct LookupLine {
  private var entries = Heap<FairQueue<TaskReference>.Entry>()

  var isEmpty: Bool { entries.isEmpty }

  mutating func insert(_ entry: FairQueue<TaskReference>.Entry) { entries.insert(entry) }
  mutating func popFirst() -> TaskReference? { entries.popMin()?.item }
  mutating func remove(_ run: WorkflowID) { entries = Heap(entries.unordered.filter { $0.item.run != run }) }
}

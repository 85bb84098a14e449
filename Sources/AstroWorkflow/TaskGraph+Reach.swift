extension TaskGraph {
  /// Which of the questions "does `reader` need `target`, directly or through others?" are answered no. The graph must
  /// have no cycles. Direct needs are seen at once. The others are answered 64 targets at a time, one bit each, in a
  /// walk over the tasks between the first target and the last reader: linear when reads are local, and at worst
  /// `(tasks + needs) * targets / 64` steps for a file that reads everything from everywhere.
  func unreached(_ questions: [(reader: Int, target: Int)]) -> [Int] {
    let far = notDirect(questions)
    guard !far.isEmpty else { return [] }
    var rank = [Int](repeating: 0, count: needs.count)
    for (place, task) in order.enumerated() { rank[task] = place }
    let byTarget = far.sorted { rank[questions[$0].target] < rank[questions[$1].target] }
    var walk = ReachWalk(graph: self, rank: rank)
    var answer: [Int] = []
    var batch: [Int] = []
    var targets: [Int] = []
    for question in byTarget {
      let target = questions[question].target
      if targets.last != target {
        if targets.count == 64 {
          answer += walk.unreached(batch, of: questions, targets: targets)
          batch = []
          targets = []
        }
        targets.append(target)
      }
      batch.append(question)
    }
    answer += walk.unreached(batch, of: questions, targets: targets)
    return answer.sorted()
  }
}

extension TaskGraph {
  /// The questions whose target is not among the reader's own needs. Long lists of needs are looked up in a set, made
  /// once for the questions of one reader, which follow each other.
  private func notDirect(_ questions: [(reader: Int, target: Int)]) -> [Int] {
    var set: (reader: Int, needs: Set<Int>) = (-1, [])
    return questions.indices.filter { index in
      let (reader, target) = questions[index]
      guard needs[reader].count > 16 else { return !needs[reader].contains(target) }
      if set.reader != reader { set = (reader, Set(needs[reader])) }
      return !set.needs.contains(target)
    }
  }
}

/// Spreads one bit per target along the needs.
private struct ReachWalk {
  let graph: TaskGraph
  let rank: [Int]
  /// By rank: which targets the task is, or needs.
  var reached: [UInt64]

  init(graph: TaskGraph, rank: [Int]) {
    self.graph = graph
    self.rank = rank
    reached = Array(repeating: 0, count: rank.count)
  }

  mutating func unreached(_ batch: [Int], of questions: [(reader: Int, target: Int)], targets: [Int]) -> [Int] {
    guard let first = targets.first else { return [] }
    let start = rank[first]
    let end = batch.reduce(start) { max($0, rank[questions[$1].reader]) }
    for place in start...end {
      var bits: UInt64 = 0
      for need in graph.needs[graph.order[place]] where rank[need] >= start { bits |= reached[rank[need]] }
      reached[place] = bits
      if let bit = Self.position(of: graph.order[place], in: targets, rank: rank) { reached[place] |= 1 << UInt64(bit) }
    }
    return batch.filter { question in
      let (reader, target) = questions[question]
      guard reader != target, let bit = Self.position(of: target, in: targets, rank: rank) else { return true }
      return reached[rank[reader]] & (1 << UInt64(bit)) == 0
    }
  }

  /// Where `task` is in `targets`, which are sorted by rank.
  private static func position(of task: Int, in targets: [Int], rank: [Int]) -> Int? {
    var low = 0
    var high = targets.count
    while low < high {
      let middle = (low + high) / 2
      if rank[targets[middle]] < rank[task] { low = middle + 1 } else { high = middle }
    }
    return low < targets.count && targets[low] == task ? low : nil
  }
}

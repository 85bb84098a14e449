extension TaskGraph {
  /// One shortest circle through the first task of each knot of tasks that need each other: `[a, b]` for a -> b -> a.
  var cycles: [[Int]] {
    guard hasCycles else { return [] }
    let component = components()
    var sizes: [Int: Int] = [:]
    for task in needs.indices { sizes[component[task], default: 0] += 1 }
    var result: [[Int]] = []
    var isReported: Set<Int> = []
    for task in needs.indices where sizes[component[task], default: 0] > 1 {
      guard isReported.insert(component[task]).inserted else { continue }
      result.append(circle(through: task, within: component))
    }
    return result
  }

  /// Breadth first from `start` along needs until it comes back. Each knot is walked once.
  private func circle(through start: Int, within component: [Int]) -> [Int] {
    var cameFrom: [Int: Int] = [:]
    var queue = [start]
    var next = 0
    while next < queue.count {
      let task = queue[next]
      next += 1
      for need in needs[task] where component[need] == component[start] {
        if need == start {
          var path = [task]
          while let last = path.last, last != start, let before = cameFrom[last] { path.append(before) }
          return path.reversed()
        }
        guard cameFrom[need] == nil else { continue }
        cameFrom[need] = task
        queue.append(need)
      }
    }
    return [start]
  }

  /// The strongly connected component of each task, by the name of one member.
  private func components() -> [Int] {
    var search = ComponentSearch(needs: needs)
    for task in needs.indices where search.index[task] == nil { search.explore(from: task) }
    return search.component.map { $0 ?? 0 }
  }
}

/// R. E. Tarjan, SIAM J. Comput. 1 (1972) 146, with a stack of its own instead of recursion.
private struct ComponentSearch {
  let needs: [[Int]]
  /// In the order of discovery.
  var index: [Int?]
  var low: [Int]
  var component: [Int?]
  private var open: [Int] = []
  private var walk: [(task: Int, next: Int)] = []
  private var discovered = 0

  init(needs: [[Int]]) {
    self.needs = needs
    index = Array(repeating: nil, count: needs.count)
    low = Array(repeating: 0, count: needs.count)
    component = index
  }

  mutating func explore(from root: Int) {
    enter(root)
    while let (task, next) = walk.last {
      guard next < needs[task].count else {
        leave(task)
        continue
      }
      walk[walk.count - 1].next += 1
      let need = needs[task][next]
      if let seen = index[need] {
        if component[need] == nil { low[task] = min(low[task], seen) }
      } else {
        enter(need)
      }
    }
  }

  private mutating func enter(_ task: Int) {
    index[task] = discovered
    low[task] = discovered
    discovered += 1
    open.append(task)
    walk.append((task, 0))
  }

  private mutating func leave(_ task: Int) {
    walk.removeLast()
    if let parent = walk.last?.task { low[parent] = min(low[parent], low[task]) }
    guard low[task] == index[task] else { return }
    while let member = open.popLast() {
      component[member] = task
      if member == task { break }
    }
  }
}

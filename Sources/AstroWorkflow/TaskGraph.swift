/// The needs of the tasks, as positions. Everything here takes time in proportion to tasks and needs (``unreached(_:)``
/// says its own cost); nothing recurses, since a chain of a million tasks is a million deep.
struct TaskGraph {
  let needs: [[Int]]
  /// The tasks so that needs come first; tasks in circles, and those behind them, are missing.
  let order: [Int]

  init(needs: [[Int]]) {
    self.needs = needs
    order = Self.sort(needs)
  }

  var hasCycles: Bool { order.count < needs.count }

  /// A. B. Kahn, CACM 5 (1962) 558. Most files name needs before their users: those are in order as they stand.
  private static func sort(_ needs: [[Int]]) -> [Int] {
    if needs.indices.allSatisfy({ task in needs[task].allSatisfy { $0 < task } }) { return Array(needs.indices) }
    let users = Self.users(needs)
    var waiting = needs.map(\.count)
    var order = needs.indices.filter { waiting[$0] == 0 }
    order.reserveCapacity(needs.count)
    var next = 0
    while next < order.count {
      for user in users.of(order[next]) {
        waiting[user] -= 1
        if waiting[user] == 0 { order.append(user) }
      }
      next += 1
    }
    return order
  }

  /// The needs turned around, as one array and where each task's part begins.
  private struct Users {
    var starts: [Int]
    var all: [Int]
    func of(_ task: Int) -> ArraySlice<Int> { all[starts[task]..<starts[task + 1]] }
  }

  private static func users(_ needs: [[Int]]) -> Users {
    var starts = [Int](repeating: 0, count: needs.count + 1)
    for list in needs { for need in list { starts[need + 1] += 1 } }
    for task in needs.indices { starts[task + 1] += starts[task] }
    var fill = starts
    var all = [Int](repeating: 0, count: starts[needs.count])
    for task in needs.indices {
      for need in needs[task] {
        all[fill[need]] = task
        fill[need] += 1
      }
    }
    return Users(starts: starts, all: all)
  }
}

/// What happened since the last commit, as additions to series: the journal adds ``values`` to its rows in the same
/// transaction as the states they count, so that no crash can lose or double one. Not for gauges.
public struct SeriesDeltas: Sendable {
  private struct Key: Hashable {
    let family: MetricFamily
    let labels: [String]
  }

  /// The rows of one label set. Names are made once and kept over ``removeAll()``, so that counting is one look-up.
  private struct Rows {
    let names: [String]
    /// Parallel to `names`; for a histogram its buckets with `+Inf`, then the sum, then the count.
    var deltas: [Double]
    var isTouched = false
  }

  private var rows: [Key: Rows] = [:]
  private var touched = 0

  /// Label sets whose names are remembered at most: agents come and go, memory does not grow with them.
  private static let rememberedSets = 1024

  public init() {}

  public var isEmpty: Bool { touched == 0 }

  /// Adds to a counter. Adding 0 makes the series appear.
  public mutating func increment(_ family: MetricFamily, _ labels: [String] = [], by amount: Double = 1) {
    precondition(family.kind == .counter, "\(family.name) is not a counter")
    precondition(amount >= 0, "counters only grow")
    touch(Key(family: family, labels: labels)) { $0[0] += amount }
  }

  /// Records one observation in a histogram: in every bucket whose bound is not below it, in the sum, in the count.
  public mutating func observe(_ family: MetricFamily, _ labels: [String] = [], _ value: Double) {
    guard case .histogram(let bounds) = family.kind else { preconditionFailure("\(family.name) is not a histogram") }
    // NaN would make the sum NaN for ever.
    guard value.isFinite else { return }
    touch(Key(family: family, labels: labels)) { deltas in
      for (index, bound) in bounds.enumerated() where value <= bound { deltas[index] += 1 }
      deltas[bounds.count] += 1
      deltas[bounds.count + 1] += value
      deltas[bounds.count + 2] += 1
    }
  }

  /// Adds observations counted elsewhere: `binned[i]` fell between bound `i - 1` and bound `i`, the last above them all.
  public mutating func observe(_ family: MetricFamily, _ labels: [String] = [], binned: [Int], sum: Double) {
    guard case .histogram(let bounds) = family.kind, binned.count == bounds.count + 1 else {
      preconditionFailure("\(family.name) has other buckets")
    }
    touch(Key(family: family, labels: labels)) { deltas in
      var total = 0
      for (index, count) in binned.enumerated() {
        total += count
        deltas[index] += Double(total)
      }
      deltas[bounds.count + 1] += sum
      deltas[bounds.count + 2] += Double(total)
    }
  }

  /// Additions by full series name, as the text format writes it; buckets are cumulative. Buckets nothing fell into
  /// are left out: the page completes them.
  public var values: [String: Double] {
    var values: [String: Double] = [:]
    for (key, rows) in rows where rows.isTouched {
      let always = if case .counter = key.family.kind { 0 } else { rows.names.count - 3 }
      for (index, delta) in rows.deltas.enumerated() where delta != 0 || index >= always {
        values[rows.names[index]] = delta
      }
    }
    return values
  }

  /// Forgets what was counted, after it was committed.
  public mutating func removeAll() {
    guard touched > 0 else { return }
    touched = 0
    if rows.count > Self.rememberedSets { return rows.removeAll() }
    for index in rows.values.indices where rows.values[index].isTouched {
      rows.values[index].isTouched = false
      for row in rows.values[index].deltas.indices { rows.values[index].deltas[row] = 0 }
    }
  }

  private mutating func touch(_ key: Key, _ add: (inout [Double]) -> Void) {
    var isFirst = false
    func update(_ rows: inout Rows) {
      isFirst = !rows.isTouched
      rows.isTouched = true
      add(&rows.deltas)
    }
    update(&rows[key, default: Self.newRows(key)])
    if isFirst { touched += 1 }
  }

  private static func newRows(_ key: Key) -> Rows {
    let names = key.family.rowNames(key.labels)
    return Rows(names: names, deltas: Array(repeating: 0, count: names.count))
  }
}

extension MetricFamily {
  /// The full names of all rows of one label set: one, or a histogram's buckets, `_sum` and `_count`.
  func rowNames(_ values: [String]) -> [String] {
    guard case .histogram(let bounds) = kind else { return [series(values)] }
    let buckets = (bounds.map(MetricsText.number) + ["+Inf"]).map { name + "_bucket" + labelSet(values, bound: $0) }
    return buckets + [name + "_sum" + labelSet(values), name + "_count" + labelSet(values)]
  }
}

/// One family of the metrics page: its name, its help text, its kind and its labels.
public struct MetricFamily: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    /// Only grows; persisted with the journal.
    case counter
    /// Goes up and down; read anew for every page.
    case gauge
    /// Counts observations up to each bound, which are upper limits in ascending order without `+Inf`; persisted.
    case histogram(bounds: [Double])
  }

  public let name: String
  /// One sentence; identical in all processes, or the collector drops the family.
  public let help: String
  public let kind: Kind
  /// The label names in the order their values are given in.
  public let labels: [String]
  /// The label values of the series that are shown as 0 before anything happened: a rate over a counter that appears
  /// with its first event misses that event.
  let initial: [[String]]

  /// - Parameter initial: nil for the one series of a family without labels, and for none of a family with labels.
  init(_ name: String, _ kind: Kind, labels: [String] = [], initial: [[String]]? = nil, _ help: String) {
    self.name = name
    self.help = help
    self.kind = kind
    self.labels = labels
    self.initial = initial ?? (labels.isEmpty ? [[]] : [])
  }

  public static func == (a: MetricFamily, b: MetricFamily) -> Bool { a.name == b.name }
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  /// The full name of one series as the text format writes it: `astro_tasks_total{agent_id="a",status="success"}`.
  /// `values` stand in the order of ``labels``, one each.
  public func series(_ values: [String] = []) -> String { name + labelSet(values) }

  /// The `{…}` part; empty without labels. `bound` is the `le` of a histogram's bucket.
  func labelSet(_ values: [String], bound: String? = nil) -> String {
    precondition(values.count == labels.count, "\(name) takes \(labels.count) label values, got \(values.count)")
    var pairs = zip(labels, values).map { "\($0)=\"\(LabelValue.escaped($1))\"" }
    if let bound { pairs.append("le=\"\(bound)\"") }
    return pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
  }
}

import Glibc

/// The metrics page in the Prometheus text format 0.0.4, as node_exporter's textfile collector takes it: no timestamps
/// (it refuses a page that has one), `\n` line ends, every histogram complete.
public enum MetricsText {
  /// Renders the whole page. Keys are full series names (``MetricFamily/series(_:)``, ``SeriesDeltas/values``).
  ///
  /// Every family has its HELP and TYPE from the first page on. Series of no known family, and names that are not well
  /// formed, are left out.
  public static func render(counters: [String: Double], gauges: [String: Double]) -> [UInt8] {
    var page = Page()
    page.add(counters, asGauges: false)
    page.add(gauges, asGauges: true)
    return page.render()
  }

  /// A value as Go's and C's parsers read it: whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 9_007_199_254_740_992 ? String(Int64(value)) : value.description
  }
}

/// The samples of one page, sorted into their families.
private struct Page {
  /// By family name, then by label set as text.
  private var plain: [String: [String: Double]] = [:]
  private var histograms: [String: [String: Histogram]] = [:]

  struct Histogram {
    var buckets: [String: Double] = [:]
    var sum = 0.0
    var count = 0.0
  }

  private static let families = Dictionary(uniqueKeysWithValues: MetricFamily.all.map { ($0.name, $0) })

  init() {
    for family in MetricFamily.all {
      for values in family.initial {
        switch family.kind {
        case .counter, .gauge: plain[family.name, default: [:]][family.labelSet(values)] = 0
        case .histogram: histograms[family.name, default: [:]][family.labelSet(values)] = Histogram()
        }
      }
    }
  }

  mutating func add(_ samples: [String: Double], asGauges: Bool) {
    for (key, value) in samples {
      guard let series = SeriesName(key) else { continue }
      if let family = Self.families[series.name] {
        guard (family.kind == .gauge) == asGauges, let labels = Self.labelSet(series, of: family) else { continue }
        if case .histogram = family.kind { continue }
        plain[family.name, default: [:]][labels] = value
      } else if !asGauges {
        addHistogramRow(series, value)
      }
    }
  }

  private mutating func addHistogramRow(_ series: SeriesName, _ value: Double) {
    guard let underscore = series.name.utf8.lastIndex(of: UInt8(ascii: "_")),
      let family = Self.families[String(series.name[..<underscore])], case .histogram = family.kind
    else { return }
    let part = series.name[underscore...]
    let bound = part == "_bucket" ? series.labels.last.flatMap { $0.name == "le" ? $0.value : nil } : nil
    guard let labels = Self.labelSet(series, of: family, hasBound: bound != nil) else { return }
    var histogram = histograms[family.name]?[labels] ?? Histogram()
    switch (part, bound) {
    case ("_bucket", .some(let bound)): histogram.buckets[bound] = value
    case ("_sum", _): histogram.sum = value
    case ("_count", _): histogram.count = value
    default: return
    }
    histograms[family.name, default: [:]][labels] = histogram
  }

  /// The label set without its bound; `nil` when the labels are not the family's.
  private static func labelSet(_ series: SeriesName, of family: MetricFamily, hasBound: Bool = false) -> String? {
    let own = hasBound ? series.labels.dropLast() : series.labels[...]
    guard own.map(\.name) == family.labels else { return nil }
    return own.isEmpty ? "" : "{" + own.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",") + "}"
  }

  func render() -> [UInt8] {
    var text = ""
    for family in MetricFamily.all {
      text += "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.typeName)\n"
      for (labels, value) in (plain[family.name] ?? [:]).sorted(by: { $0.key < $1.key }) {
        text += "\(family.name)\(labels) \(MetricsText.number(value))\n"
      }
      guard case .histogram(let bounds) = family.kind else { continue }
      for (labels, histogram) in (histograms[family.name] ?? [:]).sorted(by: { $0.key < $1.key }) {
        Self.write(histogram, family.name, labels, bounds, to: &text)
      }
    }
    return Array(text.utf8)
  }

  /// Buckets are cumulative: one that has no row yet (nothing fell into it, or it is newer than the journal) is at
  /// least what the one before it is. The collector takes a falling histogram without a word, so it is never written.
  private static func write(
    _ histogram: Histogram, _ name: String, _ labels: String, _ bounds: [Double], to text: inout String
  ) {
    let prefix = labels.isEmpty ? "{" : labels.dropLast() + ","
    var reached = 0.0
    for bound in bounds.map(MetricsText.number) {
      reached = max(reached, histogram.buckets[bound] ?? 0)
      text += "\(name)_bucket\(prefix)le=\"\(bound)\"} \(MetricsText.number(reached))\n"
    }
    let count = MetricsText.number(max(reached, histogram.buckets["+Inf"] ?? 0, histogram.count))
    text += "\(name)_bucket\(prefix)le=\"+Inf\"} \(count)\n"
    text += "\(name)_sum\(labels) \(MetricsText.number(histogram.sum))\n\(name)_count\(labels) \(count)\n"
  }
}

extension MetricFamily {
  fileprivate var typeName: String {
    switch kind {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }
}

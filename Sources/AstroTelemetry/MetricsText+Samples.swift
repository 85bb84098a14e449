/// One line of a metrics page.
public struct MetricSample: Sendable, Equatable {
  /// With the suffix of a histogram's parts: `astro_tasks_total`, `astro_task_duration_seconds_bucket`.
  public var name: String
  /// `counter`, `gauge`, `histogram`; `untyped` where the page does not say.
  public var type: String
  public var labels: [String: String]
  /// Not finite values are possible.
  public var value: Double
}

extension MetricsText {
  /// The samples of a page as ``render(counters:gauges:)`` writes it, in its order; lines it would not write are left
  /// out.
  public static func samples(of page: [UInt8]) -> [MetricSample] {
    var type = (family: "", word: "untyped")
    var samples: [MetricSample] = []
    for line in String(decoding: page, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("# TYPE ") {
        let words = line.split(separator: " ")
        if words.count == 4 { type = (String(words[2]), String(words[3])) }
        continue
      }
      guard !line.hasPrefix("#"), let space = line.lastIndex(of: " "),
        let value = Double(line[line.index(after: space)...]), let series = SeriesName(String(line[..<space]))
      else { continue }
      let labels = series.labels.map { ($0.name, LabelValue.unescaped($0.value)) }
      samples.append(
        MetricSample(
          name: series.name, type: series.name.hasPrefix(type.family) ? type.word : "untyped",
          labels: Dictionary(labels, uniquingKeysWith: { $1 }), value: value))
    }
    return samples
  }

  /// The counters and the rows of histograms of a page, by full series name: what a journal that has lost them goes on from.
  public static func counters(of page: [UInt8]) -> [String: Double] {
    var family = ""
    var counters: [String: Double] = [:]
    for line in String(decoding: page, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("# TYPE ") {
        let words = line.split(separator: " ")
        family = words.count == 4 && ["counter", "histogram"].contains(words[3]) ? String(words[2]) : ""
      } else if !line.hasPrefix("#"), !family.isEmpty, line.hasPrefix(family), let space = line.lastIndex(of: " "),
        let value = Double(line[line.index(after: space)...]), value > 0, value.isFinite
      {
        counters[String(line[..<space])] = value
      }
    }
    return counters
  }
}

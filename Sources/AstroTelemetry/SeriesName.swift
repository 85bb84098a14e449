/// A full series name taken apart: `astro_tasks_total{agent_id="a",status="success"}`.
struct SeriesName {
  let name: String
  /// Label names and their values, still escaped, in the order written.
  let labels: [(name: String, value: String)]

  /// `nil` for anything ``MetricFamily/series(_:)`` would not write. Names come back from a database that may have been
  /// damaged or edited, and one malformed line makes the collector refuse the whole page.
  init?(_ text: String) {
    guard let brace = text.utf8.firstIndex(of: UInt8(ascii: "{")) else {
      name = text
      labels = []
      return
    }
    name = String(text[..<brace])
    var rest = text[text.utf8.index(after: brace)...]
    var labels: [(String, String)] = []
    repeat {
      guard let equals = rest.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
      let label = String(rest[..<equals])
      rest = rest[rest.utf8.index(after: equals)...]
      guard Self.take("\"", &rest), let length = LabelValue.length(rest.utf8) else { return nil }
      let end = rest.utf8.index(rest.startIndex, offsetBy: length)
      labels.append((label, String(rest[..<end])))
      rest = rest[rest.utf8.index(after: end)...]
    } while Self.take(",", &rest)
    guard rest == "}" else { return nil }
    self.labels = labels
  }

  private static func take(_ byte: Unicode.Scalar, _ text: inout Substring) -> Bool {
    guard text.utf8.first == UInt8(ascii: byte) else { return false }
    text = text[text.utf8.index(after: text.startIndex)...]
    return true
  }
}

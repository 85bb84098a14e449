import AstroCore

@testable import AstroYAML

/// One case of the public yaml-test-suite.
struct YAMLSuiteCase: Sendable {
  var id: String
  var text: [UInt8]
  var mustFail: Bool
  /// What is expected, as ``YAMLSuiteCase/shape(of:)`` has it; `nil` where it is no single document.
  var shape: [String]?
  var json: JSONValue?

  /// The cases of one file of its `src/`: a sequence of mappings, in which what is hard to see is spelled out.
  static func read(_ file: [UInt8], id: String) -> [YAMLSuiteCase] {
    guard let root = YAMLDocument(file, file: id).root else { return [] }
    var cases: [YAMLSuiteCase] = []
    // What one does not say is what the one before said.
    var tree: String?
    var json: String?
    for (number, entry) in root.items.enumerated() {
      guard let yaml = entry.member("yaml") else { continue }
      if let own = entry.member("tree") {
        tree = own.text
        json = entry.member("json")?.text
      }
      cases.append(
        YAMLSuiteCase(
          id: root.items.underestimatedCount == 1 ? id : "\(id)/\(number)", text: Array(written(yaml.text).utf8),
          mustFail: entry.member("fail")?.isText("true") == true, shape: tree.flatMap { expected(written($0)) },
          json: json.flatMap { try? JSONReader.parse(written($0)) }))
    }
    return cases
  }

  /// Its ReadMe.md, "Special Characters".
  private static func written(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "␣": result.append(" ")
      case "—", "↵": break
      case "»": result.append("\t")
      case "←": result.append("\r")
      case "⇔": result.append("\u{FEFF}")
      case "∎": if result.last == "\n" { result.removeLast() }
      default: result.append(scalar)
      }
    }
    if text.unicodeScalars.reversed().first(where: { $0 != "\n" }) == "∎", result.last == "\n" { result.removeLast() }
    return String(result)
  }

  /// The events of the one document that there is: without styles, tags and anchors, aliases followed.
  private static func expected(_ tree: String) -> [String]? {
    let lines = tree.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " } }
    guard lines.count(where: { $0.hasPrefix("+DOC") }) == 1 else { return nil }
    var events: [String] = []
    var anchors: [Substring: [String]] = [:]
    var open: [(anchor: Substring?, start: Int)] = []
    for line in lines {
      var words = line.dropFirst(4).drop { $0 == " " }
      var anchor: Substring?
      while let first = words.first, "&<{[".contains(first) {
        let end = words.firstIndex(of: first == "<" ? ">" : " ").map { first == "<" ? words.index(after: $0) : $0 }
        let word = words[..<(end ?? words.endIndex)]
        if first == "&" { anchor = word.dropFirst() }
        words = words[(end ?? words.endIndex)...].drop { $0 == " " }
      }
      switch line.prefix(4) {
      case "+MAP", "+SEQ":
        open.append((anchor, events.count))
        events.append(String(line.prefix(4)))
      case "-MAP", "-SEQ":
        events.append(String(line.prefix(4)))
        let (anchor, start) = open.removeLast()
        if let anchor { anchors[anchor] = Array(events[start...]) }
      case "=VAL":
        let event = "=VAL " + unescaped(words.dropFirst())
        events.append(event)
        if let anchor { anchors[anchor] = [event] }
      case "=ALI": events += anchors[words.dropFirst()] ?? []
      default: break
      }
    }
    return events
  }

  private static func unescaped(_ text: Substring) -> String {
    var result = ""
    var rest = text.replacing("<SPC>", with: " ").replacing("<TAB>", with: "\t")[...]
    while let character = rest.popFirst() {
      guard character == "\\", let next = rest.popFirst() else {
        result.append(character)
        continue
      }
      result += ["n": "\n", "t": "\t", "r": "\r", "b": "\u{8}", "\\": "\\"][next] ?? String(next)
    }
    return result
  }

  /// The tree of a document in the same form.
  static func shape(of node: YAMLNode) -> [String] {
    switch node.kind {
    case .scalar: ["=VAL \(node.text)"]
    case .sequence: ["+SEQ"] + node.items.flatMap(shape) + ["-SEQ"]
    case .mapping: ["+MAP"] + node.entries.flatMap { shape(of: $0.key) + shape(of: $0.value) } + ["-MAP"]
    }
  }

  /// In one word what became of it: `agrees`, or how not.
  var outcome: String {
    let document = YAMLDocument(text, file: id)
    let refusals = Set(document.diagnostics.filter { $0.severity == .error }.map(\.code)).sorted()
    guard refusals.isEmpty, let root = document.root else {
      return mustFail ? "agrees" : "refused: \(refusals.joined(separator: " "))"
    }
    if mustFail { return "accepted" }
    guard let shape, Self.shape(of: root) == shape else { return "another tree" }
    if let json, json.json != root.value.json { return "another value" }
    return "agrees"
  }
}

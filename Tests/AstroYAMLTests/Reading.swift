import AstroCore

@testable import AstroYAML

/// A document from a text.
func document(_ text: String, limits: YAMLDocument.Limits = .init()) -> YAMLDocument {
  YAMLDocument(Array(text.utf8), file: "f.yaml", limits: limits)
}

/// The errors as a terminal shows them.
func rendered(_ text: String, limits: YAMLDocument.Limits = .init()) -> String {
  document(text, limits: limits).diagnostics.map(\.rendered).joined()
}

extension YAMLNode {
  /// `line:column-endLine:endColumn`.
  var place: String { "\(line):\(column)-\(endLine):\(endColumn)" }
}

extension YAMLDocument {
  /// Every node with its place, in the order of the file, keys included: `1:1-1:2 a`.
  var places: [String] {
    var result: [String] = []
    func visit(_ node: YAMLNode) {
      switch node.kind {
      case .scalar: result.append("\(node.place) \(node.text)")
      case .sequence:
        result.append("\(node.place) []")
        for item in node.items { visit(item) }
      case .mapping:
        result.append("\(node.place) {}")
        for (key, value) in node.entries {
          visit(key)
          visit(value)
        }
      }
    }
    if let root { visit(root) }
    return result
  }
}

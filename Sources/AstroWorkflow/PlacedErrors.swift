public import AstroCore
import AstroYAML

/// Errors in what a valid file asks for, each with the place where it does. The file is read again for them, and only
/// when there are some: a plan does not carry the place of every word.
public struct PlacedErrors {
  private let source: [UInt8]
  private let file: String
  private var decoder: StrictDecoder?

  public init(in source: [UInt8], file: String) {
    self.source = source
    self.file = file
  }

  /// - Parameter path: the keys that lead there, from the top; where there is nothing, the whole file is meant.
  public mutating func add(_ code: String, _ message: String, at path: [String], hint: String? = nil) {
    let decoder = decoder ?? StrictDecoder(YAMLDocument(source, file: file))
    self.decoder = decoder
    if let node = Self.key(path[...], in: decoder.document.root) {
      decoder.error(code, message, at: node, hint: hint)
    } else {
      decoder.error(code, message, hint: hint)
    }
  }

  /// Sorted by place.
  public var diagnostics: [Diagnostic] { decoder?.diagnostics.filter { $0.severity == .error } ?? [] }

  private static func key(_ path: ArraySlice<String>, in node: YAMLNode?) -> YAMLNode? {
    guard let name = path.first, let node, node.kind == .mapping,
      let entry = node.entries.first(where: { $0.key.text == name })
    else { return nil }
    return path.count == 1 ? entry.key : key(path.dropFirst(), in: entry.value)
  }
}

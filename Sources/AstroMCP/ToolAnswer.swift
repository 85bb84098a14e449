public import AstroCore

/// What a tool answered.
public struct ToolAnswer: Sendable, Equatable {
  /// Its content as text; what is no text is named in its place.
  public var text: String
  /// A mapping; only newer servers give one.
  public var structured: JSONValue?
  /// The tool could not do what it was asked, and says why.
  public var isError: Bool

  public init(_ text: String, structured: JSONValue? = nil, isError: Bool = false) {
    self.text = text
    self.structured = structured
    self.isError = isError
  }

  enum Malformed: Error, Equatable {
    case needsInput
    case noContent
  }

  /// The result of `tools/call`.
  init(_ result: JSONValue) throws(Malformed) {
    guard case .map(let members) = result else { throw .noContent }
    if members["resultType"] == .string("input_required") { throw .needsInput }
    if case .map? = members["structuredContent"] { structured = members["structuredContent"] }
    isError = members["isError"] == .bool(true)
    switch members["content"] {
    case .list(let blocks)?:
      text = blocks.map(Self.text).joined(separator: "\n")
      if blocks.isEmpty, let structured { text = structured.json }
    case nil where structured != nil: text = structured?.json ?? ""
    default: throw .noContent
    }
  }

  /// One block of content.
  private static func text(_ block: JSONValue) -> String {
    guard case .map(let members) = block else { return "[content of no kind]" }
    let type = members["mimeType"]?.text ?? "unknown type"
    switch members["type"] {
    case .string("text")?: return members["text"]?.text ?? ""
    case .string("image")?: return "[image, \(type), not shown]"
    case .string("audio")?: return "[audio, \(type), not shown]"
    case .string("resource_link")?: return "[resource \(members["uri"]?.text ?? "")]"
    case .string("resource")?:
      guard case .map(let resource)? = members["resource"] else { return "[resource]" }
      return resource["text"]?.text ?? "[resource \(resource["uri"]?.text ?? ""), not shown]"
    case let kind: return "[content of kind '\(kind?.text ?? "")', not shown]"
    }
  }
}

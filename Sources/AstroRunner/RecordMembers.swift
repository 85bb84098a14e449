import AstroCore

/// The members of a JSON object that we have written, as our types.
struct RecordMembers {
  private let values: [String: JSONValue]

  init?(_ value: JSONValue?) {
    guard case .map(let values)? = value else { return nil }
    self.values = values
  }

  init?(parsing bytes: [UInt8]) { self.init(try? JSONReader.parse(bytes)) }

  subscript(name: String) -> JSONValue? { values[name] }

  func text(_ name: String) -> String? {
    if case .string(let text)? = values[name] { text } else { nil }
  }

  func integer(_ name: String) -> Int64? {
    if case .integer(let value)? = values[name] { value } else { nil }
  }

  func number(_ name: String) -> Double? {
    switch values[name] {
    case .integer(let value)?: Double(value)
    case .number(let value)?: value
    default: nil
    }
  }

  func time(_ name: String) -> Timestamp? { text(name).flatMap { Timestamp(rfc3339: $0) } }

  /// A number of milliseconds; what no clock can have shown is none.
  func milliseconds(_ name: String) -> Duration? {
    number(name).flatMap { $0.magnitude < 1e12 ? .microseconds(Int64($0 * 1000)) : nil }
  }

  func strings(_ name: String) -> [String: String] {
    guard case .map(let values)? = values[name] else { return [:] }
    return values.compactMapValues { if case .string(let text) = $0 { text } else { nil } }
  }

  func objects(_ name: String) -> [RecordMembers] {
    guard case .list(let items)? = values[name] else { return [] }
    return items.compactMap { RecordMembers($0) }
  }

  /// As ``Diagnostic/write(to:)`` wrote them: without the source line.
  var errors: [Diagnostic] {
    objects("errors").compactMap { error in
      guard let code = error.text("code"), let message = error.text("message") else { return nil }
      return Diagnostic(
        error.text("severity").flatMap(Diagnostic.Severity.init(rawValue:)) ?? .error, code: code, message: message,
        file: error.text("file") ?? "", line: Int(error.integer("line") ?? 0),
        column: Int(error.integer("column") ?? 0),
        hint: error.text("hint"))
    }
  }
}

import AstroCore

/// How values with parts are kept in one column: compact JSON, read back by the same hand.
enum RecordText {
  static func encode(_ values: [String: JSONValue]) -> String { values.isEmpty ? "{}" : JSONValue.map(values).json }
  static func encode(_ values: [String: String]) -> String {
    values.isEmpty ? "{}" : JSONValue.map(values.mapValues(JSONValue.string)).json
  }

  static func values(_ text: String) -> [String: JSONValue]? {
    if text == "{}" { return [:] }
    guard case .map(let members)? = try? JSONReader.parse(text) else { return nil }
    return members
  }

  static func strings(_ text: String) -> [String: String]? {
    guard let members = values(text) else { return nil }
    var result: [String: String] = [:]
    for (name, value) in members {
      guard case .string(let text) = value else { return nil }
      result[name] = text
    }
    return result
  }

  static func encode(_ diagnostics: [Diagnostic]) -> String {
    if diagnostics.isEmpty { return "[]" }
    return JSONValue.list(
      diagnostics.map { diagnostic in
        var members: [String: JSONValue] = [
          "severity": .string(diagnostic.severity.rawValue), "code": .string(diagnostic.code),
          "message": .string(diagnostic.message), "file": .string(diagnostic.file),
          "line": .integer(Int64(diagnostic.line)), "column": .integer(Int64(diagnostic.column)),
          "source_line": .string(diagnostic.sourceLine), "width": .integer(Int64(diagnostic.width)),
        ]
        if let hint = diagnostic.hint { members["hint"] = .string(hint) }
        return .map(members)
      }
    ).json
  }

  static func diagnostics(_ text: String) -> [Diagnostic]? {
    if text == "[]" { return [] }
    guard case .list(let items)? = try? JSONReader.parse(text) else { return nil }
    var result: [Diagnostic] = []
    for item in items {
      guard case .map(let members) = item, let diagnostic = diagnostic(Members(values: members)) else { return nil }
      result.append(diagnostic)
    }
    return result
  }

  private static func diagnostic(_ members: Members) -> Diagnostic? {
    guard let severity = Diagnostic.Severity(rawValue: members.text("severity")) else { return nil }
    return Diagnostic(
      severity, code: members.text("code"), message: members.text("message"), file: members.text("file"),
      line: Int(members.integer("line")), column: Int(members.integer("column")),
      sourceLine: members.text("source_line"), width: Int(members.integer("width")),
      hint: members.values["hint"]?.text)
  }

  static func encode(_ verdict: LimitVerdict) -> String {
    JSONValue.map([
      "limiter": .string(verdict.limiter), "key": .string(verdict.key), "allowed": .bool(verdict.allowed),
      "limit": .integer(verdict.limit), "remaining": .integer(verdict.remaining),
      "reset_at_us": .integer(verdict.resetAt.microseconds),
      "retry_after_us": .integer(verdict.retryAfter.microseconds),
    ]).json
  }

  static func verdict(_ text: String) -> LimitVerdict? {
    guard let values = values(text), case .bool(let allowed)? = values["allowed"] else { return nil }
    let members = Members(values: values)
    return LimitVerdict(
      limiter: members.text("limiter"), key: members.text("key"), allowed: allowed, limit: members.integer("limit"),
      remaining: members.integer("remaining"), resetAt: Timestamp(microseconds: members.integer("reset_at_us")),
      retryAfter: .microseconds(members.integer("retry_after_us")))
  }

  private struct Members {
    let values: [String: JSONValue]

    func text(_ name: String) -> String { values[name]?.text ?? "" }
    func integer(_ name: String) -> Int64 { if case .integer(let value)? = values[name] { value } else { 0 } }
  }
}

import AstroCore
import AstroHTTP

/// What a task asks an agent of type `http` for: its `with:`.
struct HTTPTask: Sendable {
  var method: String
  /// Absolute, or a path behind the agent's `base_url`.
  var url: String
  var headers: [(name: String, value: String)]
  var body: [UInt8]
  var expected: [StatusPattern]
  var extracts: [(name: String, path: JSONPath)]
  /// `nil`: the agent's own.
  var maxBytes: Int64?
  var redirects: Int
  var timeout: Duration?

  static let keys = [
    "method", "url", "headers", "body", "json", "form", "expect", "extract", "max_bytes", "redirects", "timeout",
  ]
  /// Outputs of every task.
  static let outputs = ["status", "content_type", "bytes"]
  /// Whether sending it twice is sending it once (RFC 9110, 9.2.2).
  var isRepeatable: Bool { !["POST", "PATCH"].contains(method) }

  private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

  /// - Parameter undecided: keys whose values are known only when the task runs: nothing is said about them.
  init(_ with: JSONValue, undecided: Set<String> = []) throws(Failure) {
    let members = try RequestMembers(with, keys: Self.keys, undecided: undecided)
    try members.require("url")
    url = try members.text("url") ?? ""
    method = try members.text("method")?.uppercased() ?? "GET"
    if !Self.methods.contains(method) {
      throw members.failure("method", "must be one of \(Self.methods.joined(separator: ", "))")
    }
    headers = try members.texts("headers")
    body = []
    expected = try Self.expected(members)
    extracts = try Self.extracts(members)
    maxBytes = try members.size("max_bytes", in: RequestRange.answerBytes)
    redirects = try members.integer("redirects", in: RequestRange.redirects) ?? 5
    timeout = try members.duration("timeout")
    try setBody(members)
  }

  private mutating func setBody(_ members: RequestMembers) throws(Failure) {
    try members.exclude(["body", "json", "form"])
    var type: String?
    if let text = try members.text("body") {
      body = Array(text.utf8)
    } else if let value = members["json"] {
      body = Array(value.json.utf8)
      type = "application/json"
    } else if members["form"] != nil {
      body = Array(FormEncoding.encode(try members.texts("form")).utf8)
      type = "application/x-www-form-urlencoded"
    }
    if let type, HTTPFields(headers)["content-type"] == nil { headers.append(("content-type", type)) }
  }

  private static func expected(_ members: RequestMembers) throws(Failure) -> [StatusPattern] {
    let values: [JSONValue]
    switch members["expect"] {
    case nil: return [.any(of: 2)]
    case .list(let items)?: values = items
    case let value?: values = [value]
    }
    var patterns: [StatusPattern] = []
    for value in values {
      guard let pattern = StatusPattern(value.text) else {
        throw members.failure(
          "expect", "'\(Terminal.printable(value.text))' is no status; write 200, 2xx, or a list of such")
      }
      patterns.append(pattern)
    }
    if patterns.isEmpty { throw members.failure("expect", "the list is empty") }
    return patterns
  }

  private static func extracts(_ members: RequestMembers) throws(Failure) -> [(name: String, path: JSONPath)] {
    var extracts: [(name: String, path: JSONPath)] = []
    for (name, text) in try members.texts("extract") {
      let place = "extract.\(Terminal.printable(name))"
      if outputs.contains(name) { throw members.failure(place, "every request has an output '\(name)' of its own") }
      guard let path = JSONPath(text) else {
        throw members.failure(place, "'\(Terminal.printable(text))' is no path; write data[0].id")
      }
      extracts.append((name, path))
    }
    return extracts
  }

  func expects(_ status: Int) -> Bool { expected.contains { $0.matches(status) } }
}

import AstroCore

/// Reads what a task asks an agent for strictly, member by member; every failure names the place: `with.url`.
///
/// The workflow has been checked before, but expressions have their values only now.
struct RequestMembers {
  private let members: [String: JSONValue]
  private let place: String

  init(_ value: JSONValue, place: String = "with", keys: [String]) throws(Failure) {
    self.place = place
    guard case .map(let members) = value else {
      throw Self.failure(place, "is \(value.described), and not a mapping")
    }
    self.members = members.filter { $0.value != .null }
    for name in members.keys.sorted() where !keys.contains(name) {
      let hint = NearestWord.of(name, among: keys).map { "; did you mean '\($0)'?" } ?? ""
      throw Self.failure(place, "unknown key '\(Terminal.printable(name))'\(hint)")
    }
  }

  subscript(name: String) -> JSONValue? { members[name] }

  func failure(_ name: String, _ message: String) -> Failure { Self.failure("\(place).\(name)", message) }

  private static func failure(_ place: String, _ message: String) -> Failure {
    Failure(.invalidWorkflow, subject: place, message: message)
  }

  func require(_ name: String) throws(Failure) {
    if members[name] == nil { throw Self.failure(place, "'\(name)' is missing") }
  }

  /// Of some members at most one may be there.
  func exclude(_ names: [String]) throws(Failure) {
    let given = names.filter { members[$0] != nil }
    if given.count > 1 { throw Self.failure(place, "'\(given[0])' and '\(given[1])' exclude each other") }
  }

  /// A text; numbers and booleans are taken as they are written.
  func text(_ name: String) throws(Failure) -> String? {
    guard let value = members[name] else { return nil }
    guard let text = value.scalarText else { throw failure(name, "is \(value.described), and not a text") }
    return text
  }

  /// A mapping of names to texts, in the order of the names.
  func texts(_ name: String) throws(Failure) -> [(name: String, value: String)] {
    guard let value = members[name] else { return [] }
    guard case .map(let entries) = value else { throw failure(name, "is \(value.described), and not a mapping") }
    var texts: [(name: String, value: String)] = []
    for (key, value) in entries.sorted(by: { $0.key < $1.key }) where value != .null {
      guard let text = value.scalarText else {
        throw failure("\(name).\(Terminal.printable(key))", "is \(value.described), and not a text")
      }
      texts.append((key, text))
    }
    return texts
  }

  func integer(_ name: String, in range: ClosedRange<Int64>) throws(Failure) -> Int64? {
    guard let value = members[name] else { return nil }
    // An expression inside a text gives digits.
    guard let number = value.integer ?? value.scalarText.flatMap({ Int64($0) }), range.contains(number) else {
      throw failure(name, "must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Bytes, or a text such as `64MiB`.
  func size(_ name: String, in range: ClosedRange<Int64>) throws(Failure) -> Int64? {
    guard let value = members[name] else { return nil }
    guard let size = value.scalarText.flatMap(Notation.size), range.contains(size) else {
      throw failure(name, "must be a size such as 64MiB")
    }
    return size
  }

  /// Seconds, or a text such as `5m`.
  func duration(_ name: String) throws(Failure) -> Duration? {
    guard let value = members[name] else { return nil }
    guard let duration = value.scalarText.flatMap(Notation.duration), duration > .zero,
      duration <= Notation.longestDuration
    else { throw failure(name, "must be a duration such as 30s or 5m") }
    return duration
  }
}

extension JSONValue {
  fileprivate var scalarText: String? {
    switch self {
    case .string, .integer, .number, .bool: text
    case .null, .list, .map: nil
    }
  }

  fileprivate var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
}

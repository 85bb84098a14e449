import AstroCore
import AstroLLM

/// Reads what a task asks an agent for strictly, member by member; every failure names the place: `with.url`.
///
/// The workflow has been checked before, but expressions have their values only when the task runs.
struct RequestMembers {
  private let members: [String: JSONValue]
  private let place: String
  /// Members that are there and whose values are not known yet.
  private let undecided: Set<String>

  init(
    _ value: JSONValue, place: String = "with", keys: [String], undecided: Set<String> = []
  ) throws(Failure) {
    self.place = place
    self.undecided = undecided
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

  func isUndecided(_ name: String) -> Bool { undecided.contains(name) }

  func failure(_ name: String, _ message: String) -> Failure { Self.failure("\(place).\(name)", message) }

  private static func failure(_ place: String, _ message: String) -> Failure {
    Failure(.invalidWorkflow, subject: place, message: message)
  }

  /// One of some members must be there.
  func require(_ names: String...) throws(Failure) {
    guard !names.contains(where: { members[$0] != nil || isUndecided($0) }) else { return }
    throw Self.failure(place, "\(names.map { "'\($0)'" }.joined(separator: " or ")) is missing")
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

  /// A list of texts, or one of them.
  func list(_ name: String) throws(Failure) -> [String] {
    guard let value = members[name] else { return [] }
    if let text = value.scalarText { return [text] }
    guard case .list(let items) = value else { throw failure(name, "is \(value.described), and not a list") }
    var texts: [String] = []
    for item in items {
      guard let text = item.scalarText else { throw failure(name, "holds \(item.described), and not a text") }
      texts.append(text)
    }
    return texts
  }

  /// A list of paths below the run's `files/`, or one of them.
  func files(_ name: String) throws(Failure) -> [String] {
    let files = try list(name)
    for file in files { try checkBelow(file, name) }
    return files
  }

  /// A path below the run's `files/`.
  func file(_ name: String) throws(Failure) -> String? {
    let file = try text(name)
    if let file { try checkBelow(file, name) }
    return file
  }

  private func checkBelow(_ file: String, _ name: String) throws(Failure) {
    guard !InputFile.isBelow(file) else { return }
    throw failure(name, "'\(Terminal.printable(file))' is not a path below the run's files")
  }

  /// A mapping whose keys are known.
  func mapping(_ name: String, keys: [String]) throws(Failure) -> RequestMembers? {
    guard let value = members[name] else { return nil }
    return try nested(value, at: name, keys: keys)
  }

  /// What a mapping inside of it asks for.
  func nested(_ value: JSONValue, at name: String, keys: [String]) throws(Failure) -> RequestMembers {
    try RequestMembers(value, place: "\(place).\(name)", keys: keys)
  }

  /// A JSON Schema that can be used.
  func schema(_ name: String) throws(Failure) -> JSONValue? {
    guard let value = members[name] else { return nil }
    guard case .map = value else { throw failure(name, "is \(value.described), and not a mapping") }
    do throws(JSONSchema.Malformed) { _ = try JSONSchema(value) } catch {
      throw failure(name, "is no schema: \(error)")
    }
    return value
  }

  func integer(_ name: String, in range: ClosedRange<Int> = .min ... .max) throws(Failure) -> Int? {
    guard let value = members[name] else { return nil }
    let number: Int? =
      switch value {
      case .integer(let number): Int(number)
      case .number(let number): Int(exactly: number)
      // An expression inside a text gives digits.
      case .string(let text): Int(text)
      case .null, .bool, .list, .map: nil
      }
    guard let number, range.contains(number) else {
      let bounds = range == .min ... .max ? "" : " from \(range.lowerBound) to \(range.upperBound)"
      throw failure(name, "must be an integer\(bounds)")
    }
    return number
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws(Failure) -> Double? {
    guard let value = members[name] else { return nil }
    let number: Double? =
      switch value {
      case .integer(let number): Double(number)
      case .number(let number): number
      case .string(let text): Double(text)
      case .null, .bool, .list, .map: nil
      }
    guard let number, range.contains(number) else {
      let (least, most) = (JSONValue.number(range.lowerBound).json, JSONValue.number(range.upperBound).json)
      throw failure(name, "must be a number from \(least) to \(most)")
    }
    return number
  }

  /// An amount in USD, exactly.
  func money(_ name: String) throws(Failure) -> Money? {
    guard let text = try text(name) else { return nil }
    guard let amount = Money(dollars: text) else { throw failure(name, "must be an amount in USD") }
    return amount
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
}

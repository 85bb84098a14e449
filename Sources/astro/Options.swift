import ArgumentParser
import AstroConfiguration
import AstroCore

/// `--home`, common to all verbs.
struct HomeOption: ParsableArguments {
  @Option(name: .long, help: "The home directory; else $ASTRO_HOME, else the nearest parent that holds one.")
  var home: String?

  func open() throws -> Site { try Site(home: home) }

  func locate() throws -> String {
    try Home.locate(flag: home, environment: Site.readEnvironment(), workingDirectory: Site.workingDirectory())
  }

  /// The home that was named, else the one around the working directory; `nil` when there is none.
  func openIfThere() throws -> Site? {
    let environment = Site.readEnvironment()
    if home == nil, environment["ASTRO_HOME", default: ""].isEmpty {
      let found = try? Home.locate(flag: nil, environment: environment, workingDirectory: Site.workingDirectory())
      guard found != nil else { return nil }
    }
    return try open()
  }
}

/// `--json`, for verbs that list.
struct JSONOption: ParsableArguments {
  @Flag(name: .long, help: "Print JSON.")
  var json = false
}

/// `-p name=value`.
struct ParameterOptions: ParsableArguments {
  @Option(name: [.customShort("p"), .customLong("param")], help: "A parameter of the workflow, name=value.")
  var params: [String] = []

  func validate() throws { _ = try values() }

  func values() throws -> [String: String] {
    var values: [String: String] = [:]
    for pair in params {
      // By bytes: to Swift, '=' with an accent on it is another character.
      guard let mark = pair.utf8.firstIndex(of: UInt8(ascii: "=")), mark != pair.startIndex else {
        throw ValidationError("-p takes name=value, got '\(pair)'")
      }
      values[String(pair[..<mark])] = String(pair[pair.utf8.index(after: mark)...])
    }
    return values
  }
}

/// A duration on the command line: `30s`, `5m`, `2h`.
struct DurationArgument: ExpressibleByArgument {
  let value: Duration
  init?(argument: String) {
    guard let value = Notation.duration(argument), value <= Notation.longestDuration else { return nil }
    self.value = value
  }
  init(_ value: Duration) { self.value = value }
  var defaultValueDescription: String { Notation.spell(value) }
}

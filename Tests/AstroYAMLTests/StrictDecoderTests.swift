import AstroCore
import Testing

@testable import AstroYAML

/// Reads one value of the key `k` and gives what is said about it.
private func complaint<Value>(_ source: String, _ read: (MappingReader) -> Value?) -> String {
  let tree = document("k: \(source)\n")
  let decoder = StrictDecoder(tree)
  guard let reader = tree.root.flatMap({ decoder.mapping($0, keys: ["k"]) }) else { return "no mapping" }
  let value = read(reader)
  let said = decoder.diagnostics.map { "\($0.line):\($0.column) \($0.message)" + ($0.hint.map { " (\($0))" } ?? "") }
  if value == nil, said.isEmpty { return "nil, and nothing said" }
  return said.isEmpty ? "ok \(value!)" : said.joined(separator: "; ")
}

private enum Colour: String, CaseIterable { case red, green, blue }

@Suite struct StrictReading {
  @Test(arguments: [
    ("text", "ok text"), ("'1'", "ok 1"), ("1", "1:4 expected a string, got 1 (quote it: '1')"),
    ("true", "1:4 expected a string, got true (quote it: 'true')"),
    ("1.50", "1:4 expected a string, got 1.50 (quote it: '1.50')"),
    ("~", "1:4 expected a string, got nothing"), ("", "1:3 expected a string, got nothing"),
    ("[a]", "1:4 expected a string, got a list"), ("{a: b}", "1:4 expected a string, got a mapping"),
  ])
  func strings(source: String, result: String) { #expect(complaint(source) { $0.string("k") } == result) }

  @Test(arguments: [
    ("8080", "ok 8080"), ("0x1F", "ok 0x1F"), ("true", "ok true"), ("~", "1:4 expected a string, got nothing"),
    ("[]", "1:4 expected a string, got a list"),
  ])
  func textIsTakenAsWritten(source: String, result: String) {
    #expect(complaint(source) { reader in reader.member("k").flatMap { reader.decoder.text($0) } } == result)
  }

  @Test(arguments: [
    ("7", "ok 7"), ("3.0", "ok 3"), ("1e2", "ok 100"), ("0", "1:4 expected an integer from 1 to 100, got 0"),
    ("101", "1:4 expected an integer from 1 to 100, got 101"),
    ("7.5", "1:4 expected an integer from 1 to 100, got 7.5"),
    ("'7'", "1:4 expected an integer from 1 to 100, got '7' (write it without quotes)"),
    ("007", "1:4 expected an integer from 1 to 100, got '007'"),
    (".inf", "1:4 expected an integer from 1 to 100, got .inf"),
    ("99999999999999999999", "1:4 expected an integer from 1 to 100, got 99999999999999999999"),
    ("yes", "1:4 expected an integer from 1 to 100, got 'yes'"),
  ])
  func integers(source: String, result: String) {
    #expect(complaint(source) { $0.integer("k", in: 1...100) } == result)
  }

  @Test(arguments: [
    ("1", "ok 1.0"), ("2.5", "ok 2.5"), ("11", "1:4 expected a number from 1 to 10, got 11"),
    (".nan", "1:4 expected a number from 1 to 10, got .nan"),
    ("-.inf", "1:4 expected a number from 1 to 10, got -.inf"),
    ("'2'", "1:4 expected a number from 1 to 10, got '2' (write it without quotes)"),
  ])
  func numbers(source: String, result: String) { #expect(complaint(source) { $0.number("k", in: 1...10) } == result) }

  @Test(arguments: [
    ("true", "ok true"), ("FALSE", "ok false"), ("yes", "1:4 expected true or false, got 'yes' (write true)"),
    ("OFF", "1:4 expected true or false, got 'OFF' (write false)"),
    ("'true'", "1:4 expected true or false, got 'true' (write it without quotes)"),
    ("1", "1:4 expected true or false, got 1"),
  ])
  func booleans(source: String, result: String) { #expect(complaint(source) { $0.boolean("k") } == result) }

  @Test(arguments: [
    ("30", "ok 30.0 seconds"), ("'30'", "ok 30.0 seconds"), ("1.5h", "ok 5400.0 seconds"), ("250ms", "ok 0.25 seconds"),
    ("0x10", "ok 16.0 seconds"), ("1e1", "ok 10.0 seconds"),
    ("5 m", "1:4 expected a duration such as 30s, 5m or 2h, got '5 m'"),
    ("-5", "1:4 expected a duration such as 30s, 5m or 2h, got -5"),
    ("soon", "1:4 expected a duration such as 30s, 5m or 2h, got 'soon'"),
    ("0", "1:4 expected a duration longer than 0s, got 0"),
    ("0.0000001", "1:4 expected a duration longer than 0s, got 0.0000001"),
    ("36525d", "ok 3155760000.0 seconds"), ("36526d", "1:4 expected a duration of at most 36525d, got 36526d"),
    ("1e300", "1:4 expected a duration of at most 36525d, got 1e300"),
    ("99999999999999999999999d", "1:4 expected a duration of at most 36525d, got 99999999999999999999999d"),
    (".inf", "1:4 expected a duration of at most 36525d, got .inf"),
    (".nan", "1:4 expected a duration such as 30s, 5m or 2h, got .nan"),
    ("true", "1:4 expected a duration such as 30s, 5m or 2h, got true"),
    ("[5m]", "1:4 expected a duration such as 30s, 5m or 2h, got a list"),
    (
      "${{ params.t }}",
      "1:4 expected a duration such as 30s, 5m or 2h, got '${{ params.t }}' (no expression can stand here)"
    ),
  ])
  func durations(source: String, result: String) {
    #expect(complaint(source) { $0.duration("k", longerThan: .zero) } == result)
  }

  @Test(arguments: [
    ("red", "ok red"), ("gren", "1:4 expected one of red, green, blue, got 'gren' (did you mean 'green'?)"),
    ("purple", "1:4 expected one of red, green, blue, got 'purple'"),
    ("[red]", "1:4 expected one of red, green, blue, got a list"),
  ])
  func words(source: String, result: String) { #expect(complaint(source) { $0.word("k", as: Colour.self) } == result) }

  @Test(arguments: [
    ("[a, b]", #"ok ["a", "b"]"#), ("[]", "ok []"),
    ("a", "1:4 expected a list of strings, got 'a' (write a list: ['a'])"),
    ("{a: b}", "1:4 expected a list of strings, got a mapping"),
    ("[a, 1, ~]", "1:8 expected a string, got 1 (quote it: '1'); 1:11 expected a string, got nothing"),
  ])
  func lists(source: String, result: String) { #expect(complaint(source) { $0.strings("k") } == result) }

  @Test(arguments: [
    ("2026-11-24T02:00:00Z", "ok 2026-11-24T02:00:00.000Z"),
    ("tomorrow", "1:4 expected a time such as 2026-11-24T02:00:00Z, got 'tomorrow'"),
    ("2026-02-30T00:00:00Z", "1:4 expected a time such as 2026-11-24T02:00:00Z, got '2026-02-30T00:00:00Z'"),
    ("2026", "1:4 expected a time such as 2026-11-24T02:00:00Z, got 2026"),
  ])
  func times(source: String, result: String) { #expect(complaint(source) { $0.timestamp("k")?.rfc3339 } == result) }

  @Test func longTextsAreCutInMessages() {
    #expect(
      complaint("'\(String(repeating: "ä", count: 60))'") { $0.boolean("k") }
        == "1:4 expected true or false, got '\(String(repeating: "ä", count: 37))...'")
    #expect(complaint("|\n  a\n  b") { $0.boolean("k") } == #"1:4 expected true or false, got 'a\nb\n'"#)
  }

  @Test func unknownKeysNameTheNearestAndShortListsThemAll() {
    let tree = document("helo: 1\nworld: 2\nlater: 3\nzzz: 4\n")
    let decoder = StrictDecoder(tree)
    _ = decoder.mapping(tree.root!, keys: KeySet(["hello", "world"], notYetSupported: ["later"]))
    #expect(
      decoder.diagnostics.map(\.rendered).joined() == """
        f.yaml:1:1: error: unknown key 'helo'
          helo: 1
          ^~~~
          hint: did you mean 'hello'?
        f.yaml:3:1: error: 'later' is not supported yet
          later: 3
          ^~~~~
        f.yaml:4:1: error: unknown key 'zzz'
          zzz: 4
          ^~~
          hint: valid keys: hello, world

        """)
  }

  @Test func missingKeysAreReportedAtTheMapping() {
    let tree = document("a: {b: 1}\n")
    let decoder = StrictDecoder(tree)
    let inner = decoder.mapping(tree.root!, keys: ["a"])?.mapping("a", keys: ["b", "c"])
    #expect(inner?.required("c") == nil)
    #expect(
      decoder.diagnostics.map(\.rendered) == [
        """
        f.yaml:1:4: error: 'c' is missing
          a: {b: 1}
             ^~~~~~

        """
      ])
  }

  @Test func aFloodOfWarningsHidesNoError() {
    let tree = document("k: v\n")
    let decoder = StrictDecoder(tree)
    for i in 0..<5000 { decoder.warning("w", "warning \(i)", at: tree.root!) }
    decoder.error("e", "the error", at: tree.root!)
    #expect(decoder.hasErrors)
    #expect(decoder.diagnostics.contains { $0.message == "the error" })
    #expect(decoder.diagnostics.count == Findings.limit + 1)
  }

  @Test func whatAnAliasRepeatsIsSaidOnce() {
    let tree = document("a: &x {bad: 1}\nb: *x\n")
    let decoder = StrictDecoder(tree)
    for (_, value) in tree.root!.entries { _ = decoder.mapping(value, keys: ["good"]) }
    #expect(decoder.diagnostics.map(\.message) == ["unknown key 'bad'"])
  }
}

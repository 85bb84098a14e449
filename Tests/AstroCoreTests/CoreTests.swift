import AstroCore
import Testing

@Suite struct Timestamps {
  @Test func rfc3339GoesThereAndBack() {
    for text in [
      "1970-01-01T00:00:00.000Z", "2000-02-29T23:59:59.999Z", "2026-11-24T02:00:00.123Z", "1969-12-31T23:59:59.500Z",
    ] {
      #expect(Timestamp(rfc3339: text)?.rfc3339 == text)
    }
    #expect(Timestamp(rfc3339: "2026-11-24T03:30:00+01:30")?.rfc3339 == "2026-11-24T02:00:00.000Z")
    #expect(Timestamp(microseconds: 1_764_000_000_000_000).compact == "20251124T160000Z")
  }

  @Test func theFormOfIdentifiersGoesThereAndBack() {
    #expect(Timestamp(compact: "20251124T160000Z")?.compact == "20251124T160000Z")
    for text in ["", "20251124T160000", "20251324T160000Z", "20251124 160000Z", "2025112\u{E9}T160000Z"] {
      #expect(Timestamp(compact: text) == nil)
    }
  }

  @Test(arguments: [
    "", "2026-11-24", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-24T02:00:00", "2026-11-24T24:00:00Z",
    "2026-11-24T02:00:00.Z", "2026-11-24T02:00:00Zx",
  ])
  func otherTextsAreRefused(text: String) { #expect(Timestamp(rfc3339: text) == nil) }
}

@Suite struct Notations {
  @Test func sizes() {
    let cases: [(String, Int64)] = [
      ("0", 0), ("512", 512), ("64MiB", 64 << 20), ("512K", 512 << 10), ("1.5GiB", 3 << 29), ("2T", 2 << 40),
      ("1.0001KiB", 1024), ("99999999999TiB", 1 << 62),
    ]
    for (text, bytes) in cases { #expect(Notation.size(text) == bytes, "\(text)") }
    for text in ["", "MiB", "-1", "1.", ".5K", "5 K", "5MB", "5mib", "5k", "1e3", "0x10", "1.2.3"] {
      #expect(Notation.size(text) == nil, "\(text)")
    }
    let spellings: [(Int64, String)] = [
      (1, "1 byte"), (1000, "1000 bytes"), (1536, "1536 bytes"), (1 << 20, "1MiB"), (3 << 29, "1536MiB"),
      (1 << 50, "1024TiB"), (0, "0 bytes"),
    ]
    for (bytes, text) in spellings { #expect(Notation.spell(bytes: bytes) == text) }
  }

  @Test func durations() throws {
    #expect(Notation.duration("500ms") == .milliseconds(500))
    #expect(Notation.duration("1.5h") == .seconds(5400))
    #expect(Notation.duration("90") == .seconds(90))
    #expect(Notation.duration("1d") == .seconds(86_400))
    for text in ["", "s", "-1s", "1 s", "1w", ".5s", "1.s", "1e3"] {
      #expect(Notation.duration(text) == nil)
    }
    #expect(try #require(Notation.duration("99999999d")) > Notation.longestDuration)
    #expect(Notation.duration(seconds: .nan) == nil)
  }

  @Test func spelling() {
    #expect(Notation.spell(.seconds(90)) == "1m 30s")
    #expect(Notation.spell(.seconds(7200)) == "2h")
    #expect(Notation.spell(.milliseconds(20)) == "20ms")
    #expect(Notation.spell(.zero) == "0s")
  }
}

@Suite struct Identifiers {
  @Test func mintedOnesAreValidAndSortByTime() {
    var random = SystemRandomNumberGenerator()
    let early = WorkflowID.mint(name: "a", at: Timestamp(microseconds: 0), using: &random)
    let late = WorkflowID.mint(name: "a", at: Timestamp(microseconds: 2_000_000), using: &random)
    #expect(early < late)
    #expect(WorkflowID(validating: early.text) == early)
    #expect(early.text.hasPrefix("a-19700101T000000Z-"))
  }

  @Test(arguments: ["", "..", "a/b", "a\0b", "ü", "a b", String(repeating: "a", count: 101)])
  func spellingsThatLeaveADirectoryAreRefused(text: String) { #expect(WorkflowID(validating: text) == nil) }

  @Test func onlyWhatWeMintCountsAsMinted() {
    var random = SystemRandomNumberGenerator()
    let minted = WorkflowID.mint(name: "nightly-report", at: Timestamp(microseconds: 0), using: &random)
    #expect(WorkflowID(minted: minted.text) == minted)
  }

  @Test(arguments: [
    "", "notes", "a-20261124T020000Z", "-20261124T020000Z-abcdef", "a-20261124T020000Z-abcde1",
    "a_20261124T020000Z-abcdef",
    "a-20261124 020000Z-abcdef", "../-20261124T020000Z-abcdef", "A-20261124T020000Z-abcdef",
    "a-2026112xT020000Z-abcdef",
  ])
  func otherNamesDoNot(text: String) { #expect(WorkflowID(minted: text) == nil) }

  @Test func namesAreDerivedFromStems() {
    #expect(Name.derived(fromStem: "Nightly Report (2)".utf8) == "nightly-report-2")
    #expect(Name.derived(fromStem: [0xFF, 0xFE]) == "workflow")
    #expect(Name.isValid(Name.derived(fromStem: String(repeating: "x", count: 300).utf8)))
  }
}

@Suite struct JSON {
  @Test func writerEscapesWhatATerminalWouldObey() {
    #expect(JSONValue.string("a\u{1B}[0m\u{9B}\u{202E}\u{7F}\"\\\n").json == #""a\u001b[0m\u009b\u202e\u007f\"\\\n""#)
  }

  @Test func valuesGoThereAndBack() throws {
    let value = JSONValue.map([
      "a": .list([.null, .bool(true), .integer(-3), .number(1.5)]), "b": .string("ü 😀 \u{2028}"), "c": .map([:]),
    ])
    #expect(try JSONReader.parse(value.json) == value)
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":}", "01", "1.", ".5", "+1", "nul", "\"\\x\"", "\"\\ud800\"", "[1] 2", "\"a\nb\"", "1e",
    "--1",
  ])
  func malformedTextsAreRefused(text: String) { #expect(throws: EvaluationError.self) { try JSONReader.parse(text) } }

  @Test func deepNestingIsRefused() {
    let text = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
    #expect(throws: EvaluationError("JSON is nested more than 64 levels deep")) { try JSONReader.parse(text) }
  }
}

@Suite struct Evaluation {
  private let context = ExpressionContext(
    root: { $0 == .params ? .map(["top": .integer(3), "tags": .list([.string("a"), .string("b")])]) : .null })

  private func value(_ expression: Expression) throws -> JSONValue { try expression.evaluate(in: context) }

  @Test func comparisons() throws {
    let top = Expression.member(.root(.params), "top")
    #expect(try value(.binary(.greater, top, .literal(.integer(0)))) == .bool(true))
    #expect(try value(.binary(.equal, top, .literal(.number(3)))) == .bool(true))
    #expect(try value(.binary(.equal, top, .literal(.string("3")))) == .bool(false))
    #expect(try value(.binary(.less, .literal(.string("a")), .literal(.string("b")))) == .bool(true))
    #expect(throws: EvaluationError("'<' cannot compare a string with an integer")) {
      try value(.binary(.less, .literal(.string("a")), top))
    }
  }

  @Test func operatorsGiveTheDecidingOperandAndStopEarly() throws {
    let wrong = Expression.call(.fromJSON, [.literal(.integer(1))])
    #expect(try value(.binary(.or, .literal(.string("x")), wrong)) == .string("x"))
    #expect(try value(.binary(.and, .literal(.bool(false)), wrong)) == .bool(false))
    #expect(try value(.call(.default, [.member(.root(.params), "none"), .literal(.integer(9))])) == .integer(9))
  }

  @Test func functions() throws {
    let tags = Expression.member(.root(.params), "tags")
    #expect(try value(.call(.contains, [tags, .literal(.string("b"))])) == .bool(true))
    #expect(try value(.call(.join, [tags, .literal(.string("-"))])) == .string("a-b"))
    #expect(
      try value(.call(.format, [.literal(.string("{0}{{{1}}}")), .literal(.integer(1)), tags]))
        == .string(#"1{["a","b"]}"#))
    #expect(try value(.element(.call(.fromJSON, [.literal(.string("[1,2]"))]), .literal(.integer(1)))) == .integer(2))
    #expect(throws: EvaluationError("format() has a brace that names no argument in '{2}'")) {
      try value(.call(.format, [.literal(.string("{2}")), tags]))
    }
  }
}

@Suite struct Diagnostics {
  @Test func oneFormForAll() {
    let diagnostic = Diagnostic(
      code: "unknown_key", message: "unknown key 'need'", file: "nightly.yaml", line: 7, column: 5,
      sourceLine: "    need: [fetch]", width: 4, hint: "did you mean 'needs'?")
    #expect(
      diagnostic.rendered == """
        nightly.yaml:7:5: error: unknown key 'need'
              need: [fetch]
              ^~~~
          hint: did you mean 'needs'?

        """)
  }

  @Test func theMarkStandsBelowWhatItMarksInWideAndCombinedText() {
    func mark(_ line: String, _ column: Int, _ width: Int) -> String {
      String(
        Diagnostic(code: "c", message: "m", file: "f", line: 1, column: column, sourceLine: line, width: width).rendered
          .split(separator: "\n")[2])
    }
    #expect(mark("日本: x", 5, 1) == "        ^")
    #expect(mark("a: 日本", 4, 2) == "     ^~~~")
    #expect(mark("e\u{301}: x", 5, 1) == "     ^")
    #expect(mark("\ta: x", 5, 1) == "  \t   ^")
    #expect(mark("ab", 3, 1) == "    ^")
  }

  @Test func longAndHostileLinesAreCutAndMadeHarmless() {
    let line = String(repeating: "x", count: 200) + "\u{1B}[31m" + String(repeating: "y", count: 200)
    let text = Diagnostic(code: "c", message: "m", file: "f\u{1B}", line: 1, column: 201, sourceLine: line).rendered
    #expect(text.hasPrefix("f?:1:201: error: m\n"))
    #expect(!text.unicodeScalars.contains("\u{1B}"))
    #expect(text.split(separator: "\n")[1].unicodeScalars.count == 74)
    #expect(text.split(separator: "\n")[2] == Substring(String(repeating: " ", count: 52) + "^"))
  }
}

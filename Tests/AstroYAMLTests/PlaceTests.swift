import AstroCore
import Testing

@testable import AstroYAML

@Suite struct Places {
  @Test func everyNodeKnowsWhereItBeginsAndEnds() {
    #expect(
      document("a: 1\nbc:\n  - 'x y'\n  - {k: \"v\"}\n").places == [
        "1:1-5:1 {}", "1:1-1:2 a", "1:4-1:5 1", "2:1-2:3 bc", "3:3-5:1 []", "3:5-3:10 x y", "4:5-4:13 {}", "4:6-4:7 k",
        "4:9-4:12 v",
      ])
  }

  @Test func columnsCountScalarsNotBytes() {
    #expect(
      document("ä: 'ö😀' # ü\n日本: {k: v}\n").places == [
        "1:1-3:1 {}", "1:1-1:2 ä", "1:4-1:8 ö😀", "2:1-2:3 日本", "2:5-2:11 {}", "2:6-2:7 k", "2:9-2:10 v",
      ])
  }

  @Test func aTabIsOneColumn() {
    #expect(document("a:\t'b'\n").places == ["1:1-2:1 {}", "1:1-1:2 a", "1:4-1:7 b"])
  }

  @Test(arguments: ["\n", "\r\n", "\r"])
  func linesEndInAnyOfThreeWays(ending: String) {
    let text = ["a: 1", "b: 2", "b: 3", ""].joined(separator: ending)
    #expect(document(text).places == ["1:1-4:1 {}", "1:1-1:2 a", "1:4-1:5 1", "2:1-2:2 b", "2:4-2:5 2"])
    #expect(
      rendered(text) == """
        f.yaml:3:1: error: duplicate key 'b', first given in line 2
          b: 3
          ^

        """)
  }

  @Test func aByteOrderMarkIsNoColumn() {
    #expect(document("\u{FEFF}a: 1\n").places == ["1:1-2:1 {}", "1:1-1:2 a", "1:4-1:5 1"])
    #expect(
      rendered("\u{FEFF}a: 1\na: 2\n").hasPrefix(
        "f.yaml:2:1: error: duplicate key 'a', first given in line 1\n  a: 2\n"))
    #expect(rendered("\u{FEFF}a: *x\n").hasPrefix("f.yaml:1:4: error: there is no anchor '&x'"))
  }

  @Test func anAliasIsSeenWhereItsTargetStands() throws {
    let text = document("a: &x {k: v}\nb: *x\n")
    let b = try #require(text.root?.member("b"))
    #expect(b.place == "1:4-1:13")
    #expect(b.member("k")?.text == "v")
    #expect(text.diagnostics.isEmpty)
  }

  @Test func pairsOfSurrogatesInJSONMoveNoPlace() {
    let json = "{\"a\": \"\\ud83d\\ude00\", \"b\": 1,\n \"c\": \"\\\\ud83d\", \"b\": 2}"
    #expect(
      document(json).places == [
        "1:1-2:25 {}", "1:2-1:5 a", "1:7-1:21 😀", "1:23-1:26 b", "1:28-1:29 1", "2:2-2:5 c", #"2:7-2:16 \ud83d"#,
      ])
    #expect(
      rendered(json) == #"""
        f.yaml:2:18: error: duplicate key 'b', first given in line 1
           "c": "\\ud83d", "b": 2}
                           ^~~

        """#)
  }

  @Test func pairsOfSurrogatesAreCountedBehindLinesOfEveryEnding() {
    for ending in ["\n", "\r\n", "\r"] {
      let json = "{\"a\": 1,\(ending)\"b\": \"\\ud83d\\ude00\", \"a\": 2}"
      #expect(document(json).diagnostics.map { "\($0.line):\($0.column)" } == ["2:22"], "\(ending.debugDescription)")
    }
  }

  @Test func aLonePairHalfIsAnError() {
    #expect(
      rendered(#"{"a": "\ud83d"}"#) == #"""
        f.yaml:1:10: error: the escape names no character
          {"a": "\ud83d"}
                   ^

        """#)
  }

  @Test func errorsInsideScalarsAreFoundThroughQuotesAndEscapes() {
    func place(_ text: String, _ offset: Int) -> String {
      let tree = document(text)
      let decoder = StrictDecoder(tree)
      decoder.error("c", "m", in: tree.root!.member("k")!, offset: offset, width: 2)
      let found = decoder.diagnostics[0]
      return "\(found.line):\(found.column)~\(found.width)"
    }
    #expect(place("k: abcdef\n", 3) == "1:7~2")
    #expect(place("k: 'a''cdef'\n", 3) == "1:9~2")
    #expect(place("k: \"a\\ncdef\"\n", 3) == "1:9~2")
    #expect(place("k: \"äöü\"\n", 4) == "1:7~2")
    // An escape of unknown width: the beginning is what is sure.
    #expect(place("k: \"\\u00e4bc\"\n", 3) == "1:5~1")
    // A block is found by its expressions.
    #expect(place("k: |\n  one\n  two ${{ x }}\n", 12) == "3:11~2")
    #expect(place("k: |\n  one\n", 1) == "1:4~1")
    #expect(place("k: >\n  a ${{ b }}\n  c ${{ d }}\n", 17) == "3:9~2")
  }
}

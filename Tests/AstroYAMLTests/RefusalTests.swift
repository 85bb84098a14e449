import AstroCore
import Testing

@testable import AstroYAML

/// Everything the composer refuses, in the words people see.
@Suite struct Refusals {
  @Test func theSecondOfTwoEqualKeysIsNamed() {
    #expect(
      rendered("a: 1\nb:\n  x: 1\n  'x': 2\n  x : 3\na: 2\n") == """
        f.yaml:4:3: error: duplicate key 'x', first given in line 3
            'x': 2
            ^~~
        f.yaml:5:3: error: duplicate key 'x', first given in line 3
            x : 3
            ^
        f.yaml:6:1: error: duplicate key 'a', first given in line 1
          a: 2
          ^

        """)
  }

  @Test func inLargeMappingsToo() {
    let text = (0..<5000).map { "k\($0): 0\n" }.joined() + "k17: 1\n"
    #expect(
      rendered(text) == """
        f.yaml:5001:1: error: duplicate key 'k17', first given in line 18
          k17: 1
          ^~~

        """)
  }

  @Test func aRefusedPairIsNotSeenAndTheRestIs() throws {
    let root = try #require(document("a: 1\na: 2\n<<: {b: 3}\nc: 4\n").root)
    #expect(root.value == .map(["a": .integer(1), "c": .integer(4)]))
  }

  @Test(arguments: [
    (
      "a: &x {k: 1}\nb:\n  <<: *x\n",
      """
      f.yaml:3:3: error: merge keys ('<<') are not part of YAML 1.2
          <<: *x
          ^~
        hint: write the keys out, or put what all tasks share under 'defaults:'

      """
    ),
    (
      "? [a, b]\n: 1\n",
      """
      f.yaml:1:3: error: a key must be a scalar
        ? [a, b]
          ^~~~~~

      """
    ),
    (
      "a: !date 2026\n",
      """
      f.yaml:1:4: error: the tag '!date' cannot be used here
        a: !date 2026
           ^
        hint: only !!str, !!int, !!float, !!bool, !!null on scalars, !!seq on lists and !!map on mappings are known

      """
    ),
    (
      "a: !!python/object:os.system [x]\n",
      """
      f.yaml:1:4: error: the tag '!!python/object:os.system' cannot be used here
        a: !!python/object:os.system [x]
           ^
        hint: only !!str, !!int, !!float, !!bool, !!null on scalars, !!seq on lists and !!map on mappings are known

      """
    ),
    (
      "a: 1\n---\nb: 2\n",
      """
      f.yaml:2:1: error: a file holds one document, and a second one begins here
        ---
        ^

      """
    ),
    ("", "f.yaml: error: the file is empty\n"), ("# nothing\n", "f.yaml: error: the file is empty\n"),
    ("---\n", "f.yaml: error: the file is empty\n"), ("---\n...\n", "f.yaml: error: the file is empty\n"),
    ("\u{FEFF}", "f.yaml: error: the file is empty\n"), (" \n\n", "f.yaml: error: the file is empty\n"),
    (
      "a: *nowhere\n",
      """
      f.yaml:1:4: error: there is no anchor '&nowhere' before this alias
        a: *nowhere
           ^~~~~~~~

      """
    ),
    (
      "a: &x [1, *x]\n",
      """
      f.yaml:1:11: error: the alias '*x' stands inside the node it names
        a: &x [1, *x]
                  ^

      """
    ),
    (
      "a: 1\n\tb: 2\n",
      """
      f.yaml:2:1: error: a tab cannot indent
        \tb: 2
        ^
        hint: indent with spaces

      """
    ),
    (
      "a: b: c\n",
      """
      f.yaml:1:5: error: a ':' cannot stand here
        a: b: c
            ^
        hint: a text that holds ': ' must be quoted

      """
    ),
    (
      "a: @x\n",
      """
      f.yaml:1:4: error: a text cannot begin with '@'
        a: @x
           ^
        hint: quote the text

      """
    ),
    (
      "a: [1, 2\n",
      """
      f.yaml:1:4: error: the list that begins here has no closing ']'
        a: [1, 2
           ^

      """
    ),
    (
      "a: 'open\n",
      """
      f.yaml:1:4: error: the quoted text that begins here is not closed
        a: 'open
           ^

      """
    ),
    (
      "a: 1\nb\n",
      """
      f.yaml:2:1: error: the key that begins here has no ':'
        b
        ^
        hint: keys of one mapping begin in the same column, and each is followed by ': '

      """
    ),
    (
      "a: 1\n b: 2\n",
      """
      f.yaml:2:3: error: a ':' cannot stand here
         b: 2
          ^
        hint: keys of one mapping begin in the same column, and each is followed by ': '

      """
    ),
    (
      "a: \"\\q\"\n",
      """
      f.yaml:1:5: error: the escape '\\q' is not known
        a: "\\q"
            ^
        hint: a backslash is written '\\\\' between double quotes; between single quotes it is itself

      """
    ),
    (
      "a: \u{7}b\n",
      """
      f.yaml:1:4: error: the character U+0007 is not allowed in YAML
        a: ?b
           ^

      """
    ),
    (
      "ä: 1\nb: \u{9B}x\n",
      """
      f.yaml:2:4: error: the character U+009B is not allowed in YAML
        b: ?x
           ^

      """
    ),
  ])
  func isSaidInFull(text: String, message: String) { #expect(rendered(text) == message) }

  @Test func bytesThatAreNoUTF8AreNamedWithTheirPlace() {
    let bytes: [UInt8] = Array("a: 1\nä: x".utf8) + [0xFF, 0x0A]
    #expect(
      YAMLDocument(bytes, file: "f.yaml").diagnostics.map(\.rendered) == [
        """
        f.yaml:2:5: error: byte 0xFF is not valid UTF-8
          ä: x\u{FFFD}
              ^
          hint: save the file as UTF-8

        """
      ])
  }

  @Test(
    arguments: [
      [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80],
      [0xF5, 0x80, 0x80, 0x80], [0x80], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
    ] as [[UInt8]])
  func overlongSurrogateAndCutOffSequencesAreNoUTF8(sequence: [UInt8]) {
    let found = YAMLDocument(Array("aaaaaaaa: '".utf8) + sequence + Array("'\n".utf8), file: "f").diagnostics
    #expect(found.map(\.code) == ["not_utf8"])
    #expect(found.first?.column == 12)
  }

  @Test(arguments: [[0xFF, 0xFE, 0x61, 0x00], [0xFE, 0xFF, 0x00, 0x61]] as [[UInt8]])
  func utf16IsNamed(bytes: [UInt8]) {
    #expect(
      YAMLDocument(bytes, file: "f.yaml").diagnostics.map(\.rendered)
        == ["f.yaml: error: the file is UTF-16\n  hint: save it as UTF-8\n"])
  }

  @Test func aFilePastItsSizeIsNotRead() {
    #expect(
      rendered("a: 12345678\n", limits: .init(bytes: 8)) == "f.yaml: error: the file is larger than 0 MiB\n")
    #expect(document(String(repeating: "#", count: 8), limits: .init(bytes: 8)).diagnostics.map(\.code) == ["empty"])
  }

  @Test func levelsAreCountedThroughAliases() {
    let limits = YAMLDocument.Limits(depth: 4)
    #expect(rendered("[[[[1]]]]", limits: limits).isEmpty)
    #expect(
      rendered("[[[[[1]]]]]", limits: limits) == """
        f.yaml:1:5: error: nested more than 4 levels deep
          [[[[[1]]]]]
              ^

        """)
    #expect(rendered("a: &x [[1]]\nb: [*x]\n", limits: limits).isEmpty)
    #expect(
      rendered("a: &x [[1]]\nb: &y [*x]\nc: {d: *y}\n", limits: limits).hasPrefix(
        "f.yaml:3:8: error: nested more than 4"))
  }

  @Test func sixtyFourLevelsArePossibleAndNotOneMore() {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(document(nested(64)).diagnostics.isEmpty)
    #expect(document(nested(65)).diagnostics.map(\.message) == ["nested more than 64 levels deep"])
  }

  @Test func aliasesMayAddAHundredThousandNodesAndNotOneMore() {
    // The list has ten nodes with its items; each alias adds ten.
    let list = "a: &x [0, 0, 0, 0, 0, 0, 0, 0, 0]\nb: ["
    func uses(_ count: Int) -> String { list + Array(repeating: "*x", count: count).joined(separator: ",\n") + "]\n" }
    #expect(document(uses(11_111)).diagnostics.isEmpty)
    #expect(document(uses(11_112)).diagnostics.map(\.message) == ["aliases expand past 100000 nodes"])
    #expect(document(uses(11_112)).diagnostics.map(\.line) == [11_113])
  }

  @Test func manyErrorsAreCountedPastTheFirstThousand() {
    let text = (0..<1003).map { "a\($0): *x\n" }.joined()
    let found = document(text).diagnostics
    #expect(found.count == 1001)
    #expect(found.last?.rendered == "f.yaml: error: and 3 more errors that are not shown\n")
    let one = document((0..<1001).map { "a\($0): *x\n" }.joined()).diagnostics
    #expect(one.last?.message == "and 1 more error that is not shown")
  }
}

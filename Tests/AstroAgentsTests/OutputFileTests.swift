import Testing

@testable import AstroAgents

@Suite struct OutputFileTests {
  private func parse(_ text: String) throws -> [String: String] { try OutputFile.parse(Array(text.utf8)) }

  @Test(
    arguments: [
      ("", [:]),
      ("\n\n", [:]),
      ("a=1\n", ["a": "1"]),
      ("a=1", ["a": "1"]),
      ("a=", ["a": ""]),
      ("a=b=c<<d\n", ["a": "b=c<<d"]),
      ("a= x \n", ["a": " x "]),
      ("a=1\nb=2\n\nc=3\n", ["a": "1", "b": "2", "c": "3"]),
      ("a=1\na=2\n", ["a": "2"]),
      ("a=1\na<<E\n2\n3\nE\na=4\n", ["a": "4"]),
      ("_=1\nA-b_9=2\n", ["_": "1", "A-b_9": "2"]),
      ("a<<EOF\nEOF\n", ["a": ""]),
      ("a<<EOF\n\nEOF\n", ["a": ""]),
      ("a<<EOF\n\n\nEOF", ["a": "\n"]),
      ("a<<EOF\none\ntwo\nEOF\nb=3\n", ["a": "one\ntwo", "b": "3"]),
      ("a<<EOF\nb=1\nc<<X\nEOF \n EOF\nEOF\n", ["a": "b=1\nc<<X\nEOF \n EOF"]),
      ("a<<=\nx\n=\n", ["a": "x"]),
      ("a<< E\nx\n E\n", ["a": "x"]),
      // Lines end in LF or CR LF; in a block every byte counts.
      ("a=1\r\nb=2\r\n", ["a": "1", "b": "2"]),
      ("a=1\r\r\n", ["a": "1\r"]),
      ("a<<E\r\nx\r\ny\nE\r\nb=2\r\n", ["a": "x\r\ny", "b": "2"]),
      ("\r\na=1\r\n", ["a": "1"]),
      // What Swift takes for one character is not always one byte.
      ("a=\u{301}x\n", ["a": "\u{301}x"]),
      ("a=1\n\u{301}=2", nil),
      ("a=Grüße 🜁\u{0}\u{7F}\n", ["a": "Grüße 🜁\u{0}\u{7F}"]),
      ("a<<é\nx\ne\u{301}\né\n", ["a": "x\ne\u{301}"]),
    ] as [(String, [String: String]?)])
  func theFormsOfAFile(text: String, expected: [String: String]?) throws {
    guard let expected else {
      #expect(throws: OutputFile.Malformed.self) { try parse(text) }
      return
    }
    let outputs = try parse(text)
    #expect(outputs.mapValues { Array($0.utf8) } == expected.mapValues { Array($0.utf8) })
  }

  @Test(arguments: [
    ("a", "line 1: neither key=value nor key<<MARK"),
    ("a=1\nhello world\n", "line 2: neither key=value nor key<<MARK"),
    ("a<b=c\n", "line 1: neither key=value nor key<<MARK"),
    ("a<<\nx\n", "line 1: neither key=value nor key<<MARK"),
    ("<\n", "line 1: neither key=value nor key<<MARK"),
    ("=x\n", "line 1: '' is not a name"),
    (" a=1\n", "line 1: ' a' is not a name"),
    ("a =1\n", "line 1: 'a ' is not a name"),
    ("9a=1\n", "line 1: '9a' is not a name"),
    ("-a=1\n", "line 1: '-a' is not a name"),
    ("a.b=1\n", "line 1: 'a.b' is not a name"),
    ("ä=1\n", "line 1: 'ä' is not a name"),
    ("\u{1B}[2J=1\n", "line 1: '?[2J' is not a name"),
    ("<<E\nE\n", "line 1: '' is not a name"),
    ("a=1\n\nb<<EOF\nx\nEOF2\n", "line 3: 'EOF' never follows"),
    ("a<<EOF", "line 1: 'EOF' never follows"),
    ("a<<EOF\nx\nEOF \n", "line 1: 'EOF' never follows"),
    ("a<<E\nx\ny\nE\nzzz\n", "line 5: neither key=value nor key<<MARK"),
    ("a=1\r\nb\r\n", "line 2: neither key=value nor key<<MARK"),
  ]) func whatIsWrongIsToldWithItsLine(text: String, message: String) {
    #expect(throws: OutputFile.Malformed(message: "$ASTRO_OUTPUT, \(message)")) { try parse(text) }
  }

  @Test func oneMebibyteIsTheMost() throws {
    let most = "a=" + String(repeating: "x", count: OutputFile.limit - 2)
    #expect(try parse(most)["a"]?.utf8.count == OutputFile.limit - 2)
    #expect(throws: OutputFile.Malformed(message: "$ASTRO_OUTPUT holds more than 1 MiB")) { try parse(most + "x") }
  }

  @Test(arguments: [
    [0x61, 0x3D, 0xFF], [0xC0, 0x80], [0x61, 0x3D, 0xED, 0xA0, 0x80], [0x61, 0x3D, 0xF4, 0x90, 0x80, 0x80],
  ])
  func anythingButUTF8IsRefused(bytes: [UInt8]) {
    #expect(throws: OutputFile.Malformed(message: "$ASTRO_OUTPUT is not UTF-8")) { try OutputFile.parse(bytes) }
  }

  /// A file of nothing but block openings must not be read once for each of them.
  @Test func aHostileFileIsReadInOnePass() throws {
    let openings = String(repeating: "a<<E\nE\n", count: 100_000)
    #expect(try parse(openings) == ["a": ""])
    #expect(throws: OutputFile.Malformed(message: "$ASTRO_OUTPUT, line 1: 'E' never follows")) {
      try parse(String(repeating: "a<<E\n", count: 200_000))
    }
  }
}

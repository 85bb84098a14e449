import Testing

@testable import AstroSpool

@Suite struct FileNameTests {
  @Test(arguments: ["", ".", "..", "a/b", "/a", "a\0b"])
  func `no name leads out of its directory`(text: String) { #expect(FileName(text) == nil) }

  @Test func `names are bytes: composed and decomposed letters are two files`() throws {
    let composed = try #require(FileName(bytes: [0xC3, 0xA9]))
    let decomposed = try #require(FileName(bytes: [0x65, 0xCC, 0x81]))
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
    #expect(composed.printable == decomposed.printable)  // why String cannot be the key
  }

  @Test(arguments: [
    ([0x61, 0x2E], "a."), ([0x61, 0x0A, 0x62], #"a\u{a}b"#), ([0x1B, 0x5B, 0x32, 0x4A], #"\u{1b}[2J"#),
    ([0xFF, 0x61, 0xC3], #"\xffa\xc3"#), ([0xE2, 0x80, 0xAE, 0x78], #"\u{202e}x"#), ([0xC3, 0xA4], "ä"),
    ([0xE2, 0x82, 0x61], #"\xe2\x82a"#),
  ])
  func `the printable form escapes what could move a cursor and what is not UTF-8`(bytes: [UInt8], shown: String) {
    #expect(FileName(bytes: bytes)?.printable == shown)
  }

  @Test(arguments: [("a.yaml", "a"), ("a.b.yml", "a.b"), ("plain", "plain")])
  func `the stem is what stands before the last dot`(name: String, stem: String) {
    #expect(String(decoding: file(name).stem, as: UTF8.self) == stem)
  }
}

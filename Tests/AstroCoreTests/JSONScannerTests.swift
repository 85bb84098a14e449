import AstroCore
import AstroTestKit
import Testing

@Suite struct JSONScannerTests {
  private func compact(_ text: String) -> String? {
    (try? JSONScanner.compact(Array(text.utf8)[...])).map { String(decoding: $0, as: UTF8.self) }
  }

  private func flaw(_ text: String) -> JSONScanner.Malformed? {
    do throws(JSONScanner.Malformed) {
      _ = try JSONScanner.members(of: Array(text.utf8)[...])
      return nil
    } catch { return error }
  }

  @Test(arguments: [
    ("[ 1 , 2.50E+3 ,\n true ]", "[1,2.50E+3,true]"), (#"{ "a b" : " \u00fc \" " }"#, #"{"a b":" \u00fc \" "}"#),
    ("  12345678901234567890123456789 ", "12345678901234567890123456789"), ("\"ü\"", "\"ü\""), ("{}", "{}"),
    (#"{"b":1,"a":2,"b":3}"#, #"{"b":1,"a":2,"b":3}"#), (#"" \ud83d ""#, #"" \ud83d ""#),
  ])
  func `white space goes, all else stays as it was written`(text: String, compacted: String) {
    #expect(compact(text) == compacted)
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "-", "1e", "+1", "tru", "nul l", "\"a", "\"\\x\"", "\"\\u12g4\"",
    "\"\t\"", "1 2", "{1:2}", "{\"a\" 1}", "[1 2]", "'a'", "NaN",
  ])
  func `what the reader refuses is refused`(text: String) {
    #expect(compact(text) == nil)
    #expect((try? JSONReader.parse(text)) == nil)
  }

  @Test func `nesting is bounded as the reader's is`() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(compact(nested(65)) == nested(65))
    #expect((try? JSONReader.parse(nested(65))) != nil)
    #expect(compact(nested(66)) == nil)
    #expect((try? JSONReader.parse(nested(66))) == nil)
    let deep = Array(String(repeating: "[", count: 1_000_000).utf8)
    #expect(onSmallStack { (try? JSONScanner.compact(deep[...])) == nil })
  }

  @Test func `members are told where they lie, in the array the text is a part of`() throws {
    let text = Array(#"x {"a" : {"a":1}, "\u0062":[2] } y"#.utf8)
    let members = try JSONScanner.members(of: text[2..<(text.count - 2)])
    #expect(members.map(\.name) == ["a", "b"])
    #expect(members.map { String(decoding: text[$0.value], as: UTF8.self) } == [#"{"a":1}"#, "[2]"])
    #expect(String(decoding: text[members[1].key], as: UTF8.self) == #""\u0062""#)
  }

  @Test func `a flaw is told with its place`() {
    #expect(flaw("[1]")?.message == "it is not a JSON object")
    #expect(flaw(#"{"a": tru}"#)?.message == "JSON has an unexpected '}'")
    #expect(flaw(#"{"a": tru}"#)?.offset == 9)
    #expect(flaw(#"{"a": 1"#)?.message == "JSON ends too early")
    #expect(flaw(#"{"a": 1"#)?.offset == 7)
    #expect(flaw(#"{"a": "1"#)?.message == "JSON ends inside a string")
    #expect((try? JSONScanner.compact([0x22, 0xFF, 0x22])) == nil)
  }

  @Test(.enabled(if: Corpus.directory != nil)) func `the public suite is judged as the reader judges it`() {
    for file in Corpus.files(in: "JSONTestSuite/test_parsing") {
      let isRead = onSmallStack { (try? JSONReader.parse(file.bytes)) != nil }
      let isScanned = onSmallStack { (try? JSONScanner.compact(file.bytes[...])) != nil }
      // Halves of surrogate pairs and numbers past a Double are let through; everything that is read is.
      #expect(isScanned || !isRead, "\(file.name)")
      #expect(!isScanned || !file.name.hasPrefix("n_"), "\(file.name)")
    }
  }
}

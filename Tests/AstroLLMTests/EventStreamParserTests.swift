import AstroTestKit
import Testing

@testable import AstroLLM

@Suite struct EventStreamParserTests {
  private func events(_ text: String) throws -> [ServerSentEvent] {
    var parser = EventStreamParser()
    return try parser.read(Array(text.utf8))
  }

  private func event(_ data: String, _ name: String = "message") -> ServerSentEvent {
    ServerSentEvent(name: name, data: Array(data.utf8))
  }

  @Test(arguments: [
    ("data: a\n\n", ["a"]), ("data:a\n\n", ["a"]), ("data:  a\n\n", [" a"]), ("data: a\r\n\r\n", ["a"]),
    ("data: a\r\r", ["a"]), ("\u{FEFF}data: a\n\n", ["a"]), (": comment\ndata: a\n\n", ["a"]),
    ("data: a\ndata: b\n\n", ["a\nb"]), ("data\n\n", [""]), ("data: a\n\ndata: b\n\n", ["a", "b"]),
    ("id: 1\nretry: 5\nother: x\ndata: a\n\n", ["a"]), ("\n\n\ndata: a\n\n", ["a"]),
    ("event: x\n\n", []), ("data: a\n", []), ("data: a", []), ("", []),
  ])
  func takesWhatTheSpecificationSays(stream: String, data: [String]) throws {
    #expect(try events(stream) == data.map { event($0) })
  }

  @Test func anEventHasItsNameAndTheNextOneNot() throws {
    #expect(try events("event: ping\ndata: {}\n\ndata: x\n\n") == [event("{}", "ping"), event("x")])
  }

  @Test func everySplitGivesTheSameEvents() throws {
    let stream = Array("\u{FEFF}event: a\r\ndata: grüß\r\ndata: 😀\r\n\r\n: c\rdata: b\r\rdata:x\n\n".utf8)
    var whole = EventStreamParser()
    let expected = try whole.read(stream)
    #expect(expected == [event("grüß\n😀", "a"), event("b"), event("x")])
    for first in 0...stream.count {
      for second in first...stream.count {
        var parser = EventStreamParser()
        var events = try parser.read(Array(stream[..<first]))
        events += try parser.read(Array(stream[first..<second]))
        events += try parser.read(Array(stream[second...]))
        #expect(events == expected, "split at \(first) and \(second)")
      }
    }
  }

  @Test func aLineWithoutEndIsRefusedBeforeItFillsTheMemory() throws {
    var parser = EventStreamParser(longest: 10)
    _ = try parser.read(Array("data: 56789".utf8.dropLast()))
    #expect(throws: EventStreamParser.TooLong()) { try parser.read([0x39]) }
    parser = EventStreamParser(longest: 10)
    #expect(throws: EventStreamParser.TooLong()) { try parser.read(Array("data:12345\ndata:123456\n".utf8)) }
  }
}

import Testing

@testable import AstroCore

@Suite struct NearestWordTests {
  @Test(
    arguments: [
      ("need", ["needs", "name"], "needs"), ("timeuot", ["timeout"], "timeout"), ("retyr", ["retry", "retr"], "retry"),
      ("descripton", ["description"], "description"), ("x", ["y"], nil), ("ab", ["ba"], "ba"), ("foo", ["bar"], nil),
      ("run", ["run"], nil), ("envv", ["env", "en"], "env"), ("größe", ["grösse", "grosse"], "grösse"),
      ("", ["a"], nil),
      ("tasks", ["task", "tasksx"], "task"),
    ] as [(String, [String], String?)])
  func aThirdOfTheLettersMayBeWrong(word: String, candidates: [String], nearest: String?) {
    #expect(NearestWord.of(word, among: candidates) == nearest)
  }

  @Test func wordsOfMegabytesAreNotCompared() {
    let long = String(repeating: "a", count: 1_000_000)
    #expect(NearestWord.of(long, among: [long + "b"]) == nil)
    #expect(NearestWord.of("a", among: [long]) == nil)
  }

  @Test func swapsOfNeighboursAreOneMistake() {
    #expect(NearestWord.distance(Array("timeuot".utf8), Array("timeout".utf8)) == 1)
    #expect(NearestWord.distance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
    #expect(NearestWord.distance([], Array("abc".utf8)) == 3)
  }
}

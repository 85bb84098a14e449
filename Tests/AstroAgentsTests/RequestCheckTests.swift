import AstroAgents
import AstroCore
import Testing

/// What agents say of a request before it runs.
@Suite struct RequestCheckTests {
  private func flaws(_ check: RequestCheck, _ with: String, undecided: Set<String> = []) throws -> [String] {
    guard case .map(let members) = try JSONReader.parse(with) else { return [] }
    return check.flaws(in: members, undecided: undecided).sorted { $0.key < $1.key }.map { "\($0.key) | \($0.message)" }
  }

  @Test func everyMemberIsLookedAt() throws {
    #expect(
      try flaws(
        .llm(.init()),
        #"{"prompt": "x", "files": ["../a"], "images": ["/b"], "output_schema": {"type": "x"}, "tool_choice": "y"}"#)
        == [
          "files | with.files: '../a' is not a path below the run's files",
          "images | with.images: '/b' is not a path below the run's files",
          "output_schema | with.output_schema: is no schema: /type: 'x' is no type",
          "tool_choice | with.tool_choice: must be auto, none, required or one of 'tools', not 'y'",
        ])
  }

  @Test func nothingIsSaidOfWhatIsNotKnownYet() throws {
    let llm = RequestCheck.llm(.init())
    #expect(try flaws(llm, #"{"max_turns": 3}"#, undecided: ["prompt"]).isEmpty)
    #expect(try flaws(llm, #"{"prompt": "x", "tool_choice": "y"}"#, undecided: ["tools"]).isEmpty)
    #expect(try flaws(llm, #"{"prompt": "x", "tool_choice": "y", "tools": ["y"]}"#).isEmpty)
    #expect(try flaws(.llm(.init(tools: ["y"])), #"{"prompt": "x", "tool_choice": "y"}"#).isEmpty)
    #expect(try flaws(.code, "{}", undecided: ["file", "language"]).isEmpty)
    #expect(try flaws(.http, #"{"expect": 200}"#, undecided: ["url"]).isEmpty)
    #expect(try flaws(.mcp, #"{"arguments": {}}"#, undecided: ["tool"]).isEmpty)
    #expect(try flaws(.commandLine, #"{"max_turns": 1}"#, undecided: ["prompt"]).isEmpty)
  }

  @Test func everyTypeOfAgentHasItsOwnWords() throws {
    #expect(
      try flaws(.code, #"{"file": "/x", "files": ["a//b"]}"#, undecided: ["language"]) == [
        "file | with.file: '/x' is not a path below the run's files",
        "files | with.files: 'a//b' is not a path below the run's files",
      ])
    #expect(
      try flaws(.code, #"{"language": "cobol", "code": "x"}"#).first?.hasPrefix(
        "language | with.language: no interpreter is known for 'cobol'; there are bash, ") == true)
    #expect(
      try flaws(.http, #"{"url": "http://x/", "expect": "2x", "extract": {"status": "a"}}"#) == [
        "expect | with.expect: '2x' is no status; write 200, 2xx, or a list of such",
        "extract | with.extract.status: every request has an output 'status' of its own",
      ])
    #expect(
      try flaws(.commandLine, #"{"prompt": "x", "output_schema": {"type": 1}}"#)
        == ["output_schema | with.output_schema: is no schema: /type: '1' is no type"])
    #expect(
      try flaws(.mcp, #"{"tool": "x", "timeout": "soon"}"#)
        == ["timeout | with.timeout: must be a duration such as 30s or 5m"])
  }

  @Test func whatIsWrongWithTheWholeHasNoMember() throws {
    #expect(try flaws(.llm(.init()), "{}").isEmpty)
    #expect(try flaws(.llm(.init()), #"{"promt": "x", "files": ["/"]}"#).isEmpty)
  }
}

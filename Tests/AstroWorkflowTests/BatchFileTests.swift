import AstroCore
import Testing

@testable import AstroWorkflow

@Suite struct BatchFileTests {
  private func line(_ id: String, url: String = "/v1/chat/completions", body: String = #"{"model":"m"}"#) -> String {
    #"{"custom_id": "\#(id)", "method": "POST", "url": "\#(url)", "body": \#(body)}"# + "\n"
  }

  private func told(_ text: String) -> String {
    parse(text, file: "b.jsonl").diagnostics.map(\.rendered).joined()
  }

  @Test func `a batch file is a workflow of one task, which asks an agent of the dialect`() throws {
    let text =
      line("a") + "\n  \n" + line("b")
      + "{\"body\":{}, \"url\":\"/v1/chat/completions\",\"method\":\"POST\",\"custom_id\":\"c\"}"
    let plan = try #require(parse(text, file: "b.jsonl").plan)
    #expect(plan.description == "3 requests to /v1/chat/completions")
    #expect(plan.tasks.map(\.id) == ["batch"])
    #expect(plan.tasks[0].agent == AgentRequest(name: "llm", capabilities: ["openai_chat"], form: .with))
    #expect(plan.tasks[0].work == .request(.constant(BatchEndpoint.chatCompletions.request)))
    let other = try #require(parse(line("a", url: "/v1/responses"), file: "b.jsonl").plan)
    #expect(other.description == "1 request to /v1/responses")
    #expect(other.tasks[0].agent.capabilities == ["openai_responses"])
  }

  @Test func `every wrong line is told at once, with its place`() {
    let text =
      line("a") + "{\"custom_id\": \"b\", \"method\": \"POST\"\n" + line("ä", url: "/v1/embeddings") + line("a")
      + #"{"custom_id": 7, "method": "POST", "url": "/v1/chat/completions", "body": {}}"# + "\n"
      + #"{"custom_id": "c", "method": "GET", "url": "/v1/chat/completions", "body": {}}"# + "\n"
      + #"{"custom_id": "d", "method": "POST", "url": "/v1/chat/completions", "body": []}"# + "\n"
      + #"{"custom_id": "e", "method": "POST", "url": "/v1/chat/completions"}"# + "\n"
      + #"{"custom_id": "f", "metod": "POST", "url": "/v1/chat/completions", "body": {}}"# + "\n"
      + line("g", url: "/v1/responses") + "[]\n" + line(#"\u0061"#)
    #expect(
      told(text)
        == #"""
        b.jsonl:2:36: error: JSON ends too early
          {"custom_id": "b", "method": "POST"
                                             ^
        b.jsonl:3:45: error: 'url' must be /v1/chat/completions or /v1/responses
          {"custom_id": "ä", "method": "POST", "url": "/v1/embeddings", "body": {"
                                                      ^~~~~~~~~~~~~~~~
        b.jsonl:4:15: error: the 'custom_id' of line 1 again
          {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "bod
                        ^~~
          hint: each request needs one of its own
        b.jsonl:5:15: error: 'custom_id' must be a string that is not empty
          {"custom_id": 7, "method": "POST", "url": "/v1/chat/completions", "body"
                        ^
        b.jsonl:6:30: error: 'method' must be "POST"
          {"custom_id": "c", "method": "GET", "url": "/v1/chat/completions", "body
                                       ^~~~~
        b.jsonl:7:77: error: 'body' must be an object
          ": "POST", "url": "/v1/chat/completions", "body": []}
                                                            ^~
        b.jsonl:8:1: error: 'body' is missing
          {"custom_id": "e", "method": "POST", "url": "/v1/chat/completions"}
          ^
        b.jsonl:9:20: error: unknown key 'metod'
          {"custom_id": "f", "metod": "POST", "url": "/v1/chat/completions", "body
                             ^~~~~~~
          hint: the keys are custom_id, method, url, body
        b.jsonl:10:45: error: 'url' is another than in the lines before
          {"custom_id": "g", "method": "POST", "url": "/v1/responses", "body": {"m
                                                      ^~~~~~~~~~~~~~~
          hint: one file for each: those before go to /v1/chat/completions
        b.jsonl:11:1: error: it is not a JSON object
          []
          ^
        b.jsonl:12:15: error: the 'custom_id' of line 1 again
          {"custom_id": "\u0061", "method": "POST", "url": "/v1/chat/completions",
                        ^~~~~~~~
          hint: each request needs one of its own

        """#)
  }

  @Test func `a file without a request is none`() {
    #expect(told("\n \n") == "b.jsonl: error: there is no request in it\n")
  }

  @Test func `more errors than anybody reads are counted`() {
    let diagnostics = parse(String(repeating: "{}\n", count: 250), file: "b.jsonl").diagnostics
    #expect(diagnostics.count == 101)
    #expect(diagnostics.last?.rendered == "b.jsonl: error: and 150 more lines are wrong\n")
  }

  @Test func `more requests than OpenAI takes are refused where they begin`() {
    let text = (1...50_002).map { line("\($0)") }.joined()
    let diagnostics = parse(text, file: "b.jsonl").diagnostics
    #expect(diagnostics.map(\.line) == [50_001])
    #expect(diagnostics.first?.message == "more than 50000 requests")
  }

  @Test func `a home without an agent of the dialect could never run it`() {
    let agents = [
      AgentOffer(id: "claude", kind: .llm, capabilities: ["anthropic_messages"]), AgentOffer(id: "sh", kind: .command),
    ]
    let parsed = WorkflowParser.parse(
      Array(line("a").utf8), file: "b.jsonl", in: Surroundings(agents: agents))
    #expect(parsed.plan == nil)
    #expect(
      parsed.diagnostics.map(\.rendered) == [
        """
        b.jsonl: error: no agent of type llm speaks the dialect openai_chat, which /v1/chat/completions needs
          hint: those of type llm are claude

        """
      ])
  }

  @Test func `no workflow can ask for a batch`() {
    #expect(
      told("a: 1").contains("error:") && rendered("tasks: {a: {agent: llm, with: {batch: /v1/responses}}}\n") != "")
  }
}

import AstroTestKit
import Foundation
import Glibc
import Testing

/// Tasks that ask a model, seen by the provider they go to.
@Suite struct LLMAgentTests {
  private static let answer = ScriptedServer.answer(
    200, ["content-type: application/json"],
    body: """
      {"model": "m", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
       "usage": {"prompt_tokens": 100, "completion_tokens": 10}}
      """)

  private func serve(_ home: Home, _ server: ScriptedServer) throws {
    try home.write(
      """
      agents:
        - {id: sh, type: command}
        - {id: model, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', model: m}

      """, to: "config/agents.yaml")
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `a call that the end of a runner breaks off is made again by the next one`(signal: Int32) throws {
    let home = try Home(system: Home.unlimited)
    let silent = ScriptedServer { connection in
      _ = connection.request()
      connection.awaitClose()
    }
    try serve(home, silent)
    let watch = try home.start("watch", "--grace", "0s")
    #expect(watch.logs("Watching"))
    try home.submit("tasks: {ask: {agent: model, with: {prompt: hi}}}\n")
    try eventually("the call is under way") { silent.requests.count == 1 }
    watch.signal(signal)
    #expect(try watch.finish().code == 0)
    let server = ScriptedServer(answers: [Self.answer])
    try serve(home, server)
    #expect(try home.astro("drain").code == 0)
    #expect(server.requests.count == 1)
    #expect(try home.tasks(of: home.run(in: "done")) == ["ask": "succeeded 1"])
  }
}

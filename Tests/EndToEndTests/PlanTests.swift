import Foundation
import Testing

@Suite struct PlanTests {
  private func plan(_ text: String, _ arguments: String..., system: String = "max_parallel_tasks: 2") throws
    -> Command.Ending
  {
    let home = try Home(system: system)
    try home.write(text, to: "w.yaml")
    let outcome = try home.start(["plan", "w.yaml"] + arguments).finish()
    #expect(home.names(in: "data").isEmpty, "a plan leaves no trace")
    #expect(home.waiting.isEmpty)
    return outcome
  }

  @Test func `tasks are shown level by level, whatever their order in the file`() throws {
    let outcome = try plan(
      """
      params: {top: 3}
      tasks:
        publish:
          needs: [left, right]
          if: ${{ always() && params.top > 0 }}
          run: 'true'
        right: {needs: [fetch], run: 'true'}
        left: {needs: [fetch], run: 'true', timeout: 90s}
        fetch: {run: 'true', retry: {attempts: 3, delay: 5s}}

      """)
    #expect(outcome.code == 0)
    #expect(
      outcome.output == """
        w: 4 tasks in 3 levels, for user \(NSUserName())
        parameters: top=3
        LEVEL  TASK     NEEDS        AGENTS           TIMEOUT  ATTEMPTS              IF
        1      fetch                 shell_agent_001  none     3, 5s apart at first
        2      right    fetch        shell_agent_001  none     1
        2      left     fetch        shell_agent_001  1m 30s   1
        3      publish  left, right  shell_agent_001  none     1                     always() && params.top > 0
        rounds: at least 3 (longest chain 3, 2 tasks at once)
        shortest time the limits allow: 0s
        cost ceiling: 0 USD (no calls to models)

        """)
  }

  private func independent(_ count: Int) -> String {
    "tasks:\n" + (1...count).map { "  t\($0): {run: 'true'}\n" }.joined()
  }

  @Test(arguments: [(100, 0), (101, 60), (350, 180), (401, 240)])
  func `the limits say how long a run takes at least`(tasks: Int, seconds: Int) throws {
    let plan = try plan(independent(tasks), "--json").output.json()
    #expect(plan["shortest_seconds"] as? Int == seconds)
    #expect(plan["task_count"] as? Int == tasks)
    #expect((plan["rounds"] as? [String: Any])?["least"] as? Int == (tasks + 1) / 2)
    #expect(plan["cost_ceiling_usd"] as? Double == 0)
  }

  @Test func `a deadline that the limits do not leave time for is said to be one`() throws {
    let outcome = try plan("deadline: 2m\n" + independent(350))
    #expect(outcome.output.contains("  task_submission: 350 at 100 per 1m: at least 3m\n"))
    #expect(outcome.output.contains("deadline: 2m: it passes before the limits let the last task start\n"))
  }

  @Test func `an agent with few slots makes more rounds`() throws {
    let home = try Home(system: "max_parallel_tasks: 8")
    try home.write(
      "agents: [{id: slow, type: command, capabilities: [shell], max_concurrent: 2}]\n", to: "config/agents.yaml")
    try home.write(independent(8), to: "w.yaml")
    #expect(try home.astro("plan", "w.yaml").output.contains("rounds: at least 4 (longest chain 1, 8 tasks at once)\n"))
  }

  @Test func `a workflow that is wrong has no plan`() throws {
    let outcome = try plan("tasks: {a: {run: 'true', needs: [b]}}\n")
    #expect(outcome.code == 65)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("w.yaml:1:"))
  }

  @Test func `a task no agent could take has no plan either`() throws {
    let outcome = try plan("tasks: {a: {run: 'true', capabilities: [gpu]}}\n")
    #expect(outcome.code == 65)
    #expect(outcome.errors.contains("error: task 'a' asks for the capability 'gpu', which no agent has\n"))
  }

  @Test func callsToModelsHaveACeiling() throws {
    let home = try Home(system: Home.unlimited)
    try home.write(
      """
      agents:
        - {id: writer, type: llm, dialect: openai_chat, base_url: 'http://127.0.0.1:9/v1', model: m1, capabilities: [text]}

      """, to: "config/agents.yaml")
    try home.write("models: [{model: m1, input: 1, output: 10}]\n", to: "config/models.yaml")
    let path = try home.made(
      "w.yaml",
      """
      budget: {usd: 5}
      tasks:
        a: {agent: writer, retry: {attempts: 2}, with: {prompt: abcd, max_output_tokens: 100}}
        b: {agent: writer, needs: [a], with: {prompt: '${{ tasks.a.stdout }}', max_output_tokens: 100}}

      """)
    // 4 bytes, 16 for the message and 16 around them, twice, with 100 tokens of answer each.
    let text = try home.astro("plan", path).output
    #expect(text.contains("calls to models: at most 2, 272 tokens\n"), "\(text)")
    #expect(text.contains("  besides these, not known before they start: b\n"))
    #expect(text.contains("cost ceiling: 5.00 USD (the run's budget is 5.00 USD)\n"))
    let alone = try home.made(
      "alone.yaml", "tasks: {a: {agent: writer, with: {prompt: abcd, max_output_tokens: 100}}}\n")
    let plan = try home.astro("plan", alone, "--json").output.json()
    // 36 tokens at 1 USD and 100 at 10 USD, each per million.
    #expect(plan["cost_ceiling_usd"] as? Double == 0.001036)
  }
}

import Foundation
import Glibc
import Testing

/// Programs that are agents: of type exec, and those that answer prompts.
@Suite struct ProgramAgentTests {
  private func home(_ agent: String) throws -> Home {
    let home = try Home(system: Home.unlimited)
    try home.write(
      "agents:\n  - {id: shell_agent_001, type: command}\n  - \(agent)\n", to: "config/agents.yaml")
    return home
  }

  /// A program in `bin/` of the home, and a PATH that finds it.
  private func program(_ name: String, _ script: String, in home: Home) throws -> [String: String] {
    try home.write("#!/bin/sh\n\(script)\n", to: "bin/\(name)")
    try #require(chmod("\(home.path)/bin/\(name)", 0o755) == 0)
    return ["PATH": "\(home.path)/bin:/usr/bin:/bin"]
  }

  @Test func `a request with a secret reaches the program through no file`() throws {
    let home = try home(
      "{id: worker, type: exec, command: [/bin/sh, -c, 'cat > \"$ASTRO_HOME/asked\"; exit 3'], env: {KEY: {env: AGENT_KEY}}}"
    )
    try home.write(
      """
      secrets: {T: {env: TOKEN}}
      tasks: {a: {agent: worker, with: {token: '${{ secrets.T }}', n: 1}}}

      """, to: "work.yaml")
    let ending = try home.astro(
      "run", "work.yaml", environment: ["TOKEN": "token-of-somebody", "AGENT_KEY": "key-of-the-agent"])
    #expect(ending.code == 1)
    let asked = try home.read("asked").json()
    #expect((asked["with"] as? [String: Any])?["token"] as? String == "token-of-somebody")
    #expect(asked["version"] as? Int == 1)
    try FileManager.default.removeItem(atPath: home.path + "/asked")
    #expect(try home.shell("grep -rl 'token-of-somebody\\|key-of-the-agent' . ; true").output == "")
    let run = try #require(home.names(in: "data/runs").first)
    #expect(try home.read("data/runs/\(run)/tasks/a/1/request.json") == "{\"n\":1,\"token\":\"***\"}\n")
  }

  @Test func `an attempt of a program survives its runner, and its result is read by the next`() throws {
    let home = try home("{id: worker, type: exec, command: [/bin/sh, worker]}")
    let gate = try home.gate()
    try home.submit(
      """
      tasks:
        make:
          run: |
            cat > worker <<'EOF'
            cat > request; \(gate.pass)
            echo '{"type":"result","status":"succeeded","outputs":{"k":"v"}}'
            EOF
        a: {needs: [make], agent: worker, with: {}, outputs: [k]}
        then: {needs: [a], env: {K: '${{ tasks.a.outputs.k }}'}, run: 'test "$K" = v'}

      """)
    let watch = try home.start("watch")
    try gate.waitForTask()
    watch.signal(SIGKILL)
    _ = try watch.finish()
    gate.letOn()
    try home.astro("drain")
    #expect(
      try home.tasks(of: home.run(in: "done")) == ["make": "succeeded 1", "a": "succeeded 1", "then": "succeeded 1"])
  }

  @Test func `a coding program is asked as its preset says, and its answer becomes outputs`() throws {
    let home = try home("{id: coder, type: command, preset: claude_code, model: m-1, max_cost_usd: 1}")
    let path = try program(
      "claude",
      """
      printf '%s\\n' "$*" > "$ASTRO_HOME/called"
      cat > "$ASTRO_HOME/prompt"
      echo '{"type":"result","subtype":"success","is_error":false,"result":"fixed","num_turns":2,"total_cost_usd":0.5,'\\
        '"session_id":"s","usage":{"input_tokens":10,"output_tokens":20},"structured_output":{"files":["a.c"]}}'
      """, in: home)
    try home.write(
      """
      tasks:
        fix: {agent: coder, with: {prompt: 'Mend it.', max_turns: 3, output_schema: {type: object}}, outputs: [files, cost_usd]}
        then:
          needs: [fix]
          env: {TEXT: '${{ tasks.fix.stdout }}', FILES: '${{ tasks.fix.outputs.files }}', COST: '${{ tasks.fix.outputs.cost_usd }}'}
          run: echo "$TEXT $FILES $COST"

      """, to: "work.yaml")
    #expect(try home.astro("run", "work.yaml", environment: path).code == 0)
    #expect(try home.astro("logs", "@latest", "then").output == "fixed [\"a.c\"] 0.5\n")
    #expect(try home.read("prompt") == "Mend it.")
    #expect(
      try home.read("called") == "-p --output-format json --model m-1 --max-turns 3 --max-budget-usd 1 --json-schema "
        + "{\"type\":\"object\"}\n")
  }

  private let claude =
    """
    cat > /dev/null
    echo x >> "$ASTRO_HOME/ran"
    echo '{"type":"result","subtype":"success","is_error":false,"result":"ok","total_cost_usd":0.5,'\\
      '"usage":{"input_tokens":10,"output_tokens":20}}'
    """

  @Test func `what a coding program takes is in the ledger, and a budget holds the next`() throws {
    let home = try home("{id: coder, type: command, preset: claude_code, model: m-1, max_cost_usd: 0.6}")
    let path = try program("claude", claude, in: home)
    try home.write(
      """
      budget: {usd: 1}
      tasks:
        a: {agent: coder, with: {prompt: p}}
        b: {needs: [a], agent: coder, with: {prompt: p}}

      """, to: "work.yaml")
    let ending = try home.astro("run", "-q", "work.yaml", environment: path)
    #expect(ending.code == 75)
    #expect(
      ending.errors.contains(
        "the budget of the run: of 1.00 USD 0.50 USD are used, and the next call may cost 0.60 USD"))
    #expect(try home.read("ran") == "x\n")
    #expect(
      try home.sql("SELECT agent, model, status, reserved_cost, cost, input, output FROM call")
        == "coder|m-1|success|600000000000|500000000000|10|20")
    #expect(try home.sql("SELECT cost_held, cost_spent, tokens_spent, calls FROM budget") == "0|500000000000|30|1")
    let metrics = try home.astro("metrics").output
    #expect(metrics.contains("astro_llm_cost_usd_total{model=\"m-1\"} 0.5"))
    #expect(metrics.contains("astro_llm_requests_total{model=\"m-1\",status=\"success\"} 1"))
  }

  @Test func `a coding program without a most of cost does not start where money is bounded`() throws {
    let home = try home("{id: coder, type: command, preset: claude_code}")
    let path = try program("claude", claude, in: home)
    try home.write("budget: {usd: 1}\ntasks: {a: {agent: coder, with: {prompt: p}}}\n", to: "work.yaml")
    let ending = try home.astro("run", "-q", "work.yaml", environment: path)
    #expect(
      ending.errors.contains(
        "the budget of the run: there is no max_cost_usd, and so no most that claude-code may cost"))
    #expect(!home.exists("ran"))
  }

  @Test func `a coding program that is killed keeps all that was reserved for it`() throws {
    let home = try home("{id: coder, type: command, preset: claude_code, max_cost_usd: 0.6}")
    let path = try program("claude", "sleep 1000", in: home)
    try home.write(
      "budget: {usd: 1}\ntasks: {a: {agent: coder, timeout: 200ms, grace: 1s, with: {prompt: p}}}\n", to: "work.yaml")
    #expect(try home.astro("run", "-q", "work.yaml", environment: path).code == 1)
    #expect(try home.sql("SELECT status, cost FROM call") == "error|")
    #expect(try home.sql("SELECT cost_held, cost_spent FROM budget") == "0|600000000000")
  }

  @Test func `a program that ran into its own ceiling is not tried again`() throws {
    let home = try home("{id: coder, type: command, preset: claude_code}")
    let path = try program(
      "claude",
      """
      echo x >> "$ASTRO_HOME/ran"
      echo '{"type":"result","subtype":"error_max_turns","is_error":true,"num_turns":3}'
      exit 1
      """, in: home)
    try home.write(
      "tasks: {a: {agent: coder, with: {prompt: p}, retry: {attempts: 3, delay: 0s}}}\n", to: "work.yaml")
    #expect(try home.astro("run", "work.yaml", environment: path).code == 1)
    #expect(try home.read("ran") == "x\n")
    #expect(
      try home.sql("SELECT outcome, message FROM attempt") == "max_turns|Claude Code stopped at its most turns")
  }

  @Test func `an agent's own timeout binds tasks that do not say`() throws {
    let home = try home("{id: worker, type: exec, command: [sleep, '1000'], timeout: 200ms}")
    try home.write("tasks: {a: {agent: worker, with: {}, grace: 1s}}\n", to: "work.yaml")
    #expect(try home.astro("run", "work.yaml").code == 1)
    #expect(try home.sql("SELECT outcome FROM attempt") == "timed_out")
  }
}

import AstroCore
import Testing

@testable import AstroWorkflow

@Suite struct Plans {
  @Test func everyKeyArrivesInThePlan() throws {
    let plan = try plan(
      """
      name: nightly-report
      description: text
      labels: {team: data, tier: 1, on: true}
      user: alice
      priority: -5
      not_before: 2026-11-24T02:00:00+01:00
      deadline: 2h
      params:
        date: {type: string, required: true, pattern: '^\\d{4}-\\d\\d-\\d\\d$', description: the day}
        top: 10
        ratio: {type: number, default: 1}
        tags: [a, 1, true]
        flag: false
        free: {}
      env: {LANG: C.UTF-8, TOP: '${{ params.top }}', PORT: 8080}
      tasks:
        fetch:
          run: |
            echo hi
          shell: bash
          workdir: sub/${{ params.date }}
          env: {URL: 'https://example.org/${{ params.date }}.json'}
          timeout: 30s
          grace: 0
          retry: {attempts: 3, delay: 5s, factor: 1.5, max_delay: 1m, jitter: false, on_exit: [22, 75], on_error: [timeout, lost]}
          continue_on_error: true
          outputs: [rows, row-count]
          agent: shell_agent_001
          capabilities: [shell, fast]
        report:
          needs: [fetch, fetch]
          if: ${{ failure() || params.top > 0 }}
          run: [./report, '--top=${{ params.top }}', 5, true, '${{ tasks.fetch.stdout }}']

      """)
    #expect(plan.name == "nightly-report")
    #expect(plan.description == "text")
    #expect(plan.labels == ["team": "data", "tier": "1", "on": "true"])
    #expect(plan.user == "alice")
    #expect(plan.priority == -5)
    #expect(plan.notBefore?.rfc3339 == "2026-11-24T01:00:00.000Z")
    #expect(plan.deadline == .seconds(7200))
    #expect(
      plan.params == [
        ParameterPlan(name: "date", kind: .string, required: true, pattern: #"^\d{4}-\d\d-\d\d$"#),
        ParameterPlan(name: "top", kind: .integer, required: false, defaultValue: .integer(10)),
        ParameterPlan(name: "ratio", kind: .number, required: false, defaultValue: .number(1)),
        ParameterPlan(
          name: "tags", kind: .list, required: false, defaultValue: .list([.string("a"), .integer(1), .bool(true)])),
        ParameterPlan(name: "flag", kind: .boolean, required: false, defaultValue: .bool(false)),
        ParameterPlan(name: "free", kind: .string, required: false),
      ])
    #expect(plan.env.map(\.name) == ["LANG", "TOP", "PORT"])
    #expect(plan.env[2].value.constant == "8080")
    let fetch = plan.tasks[0]
    #expect(fetch.id == "fetch")
    #expect(fetch.work == .script("echo hi\n", shell: ["/usr/bin/env", "bash", "-eu", "-c"]))
    #expect(fetch.workdir?.parts.count == 2)
    #expect(fetch.timeout == .seconds(30))
    #expect(fetch.grace == .zero)
    var retry = RetryPolicy()
    retry.attempts = 3
    retry.delay = .seconds(5)
    retry.jitter = false
    retry.factor = 1.5
    retry.maxDelay = .seconds(60)
    retry.onExit = [22, 75]
    retry.onError = [.timeout, .lost]
    #expect(fetch.retry == retry)
    #expect(fetch.continueOnError)
    #expect(fetch.outputs == ["rows", "row-count"])
    #expect(fetch.agent == AgentRequest(name: "shell_agent_001", capabilities: ["shell", "fast"]))
    #expect(fetch.keepsStdout)
    let report = plan.tasks[1]
    #expect(report.needs == [0])
    #expect(report.condition?.asksForStatus == true)
    guard case .command(let words) = report.work else {
      Issue.record("no command")
      return
    }
    #expect(words.map(\.constant) == ["./report", nil, "5", "true", nil])
    #expect(!report.keepsStdout)
  }

  @Test func whatAFileDoesNotSayHasItsDefault() throws {
    let plan = try plan("tasks: {a: {run: x}}\n")
    #expect(plan.name == nil)
    #expect(plan.priority == 0)
    #expect(plan.deadline == nil)
    let task = plan.tasks[0]
    #expect(task.work == .script("x", shell: ["/bin/sh", "-eu", "-c"]))
    #expect(task.timeout == nil)
    #expect(task.grace == .seconds(10))
    #expect(task.retry == RetryPolicy())
    #expect(task.retry.attempts == 1)
    #expect(task.agent == AgentRequest())
  }

  @Test func defaultsReachEveryTaskAndATaskReplacesThem() throws {
    let plan = try plan(
      """
      defaults:
        timeout: 10m
        grace: 1s
        retry: {attempts: 2, delay: 9s}
        shell: [/bin/bash, -x, -c]
        workdir: /srv
        continue_on_error: true
        agent: command
        capabilities: [shell]
        env: {A: one, B: two}
      tasks:
        plain: {run: x}
        own:
          run: x
          timeout: 1m
          grace: 2s
          retry: {attempts: 5}
          shell: /bin/zsh
          workdir: /tmp
          continue_on_error: false
          agent: a2
          capabilities: []
          env: {B: three, C: four}

      """)
    let plain = plan.tasks[0]
    #expect(plain.timeout == .seconds(600))
    #expect(plain.grace == .seconds(1))
    #expect(plain.retry.attempts == 2)
    #expect(plain.work == .script("x", shell: ["/bin/bash", "-x", "-c"]))
    #expect(plain.workdir?.constant == "/srv")
    #expect(plain.continueOnError)
    #expect(plain.agent == AgentRequest(name: "command", capabilities: ["shell"]))
    #expect(plain.env.map { "\($0.name)=\($0.value.constant ?? "?")" } == ["A=one", "B=two"])
    let own = plan.tasks[1]
    #expect(own.timeout == .seconds(60))
    #expect(own.grace == .seconds(2))
    #expect(own.retry.attempts == 5)
    #expect(own.retry.delay == .seconds(9))
    #expect(own.work == .script("x", shell: ["/bin/zsh", "-eu", "-c"]))
    #expect(own.workdir?.constant == "/tmp")
    #expect(!own.continueOnError)
    #expect(own.agent == AgentRequest(name: "a2", capabilities: []))
    #expect(own.env.map { "\($0.name)=\($0.value.constant ?? "?")" } == ["A=one", "B=three", "C=four"])
  }

  @Test(arguments: [
    ("sh", ["/usr/bin/env", "sh", "-eu", "-c"]), ("bash", ["/usr/bin/env", "bash", "-eu", "-c"]),
    ("/bin/dash", ["/bin/dash", "-eu", "-c"]), ("python3", ["/usr/bin/env", "python3", "-c"]),
    ("/usr/bin/perl", ["/usr/bin/perl", "-c"]), ("[perl, -we]", ["perl", "-we"]), ("[bash, 5]", ["bash", "5"]),
  ])
  func shellsBecomeTheseWords(source: String, words: [String]) throws {
    #expect(try plan("tasks: {a: {run: x, shell: \(source)}}\n").tasks[0].work == .script("x", shell: words))
  }

  @Test func numbersAndTruthsAreTextWhereOnlyTextCanBeMeant() throws {
    let plan = try plan("tasks: {1: {run: true}, 2: {run: 5, needs: 1}, true: {run: x, needs: [1, 2]}}\n")
    #expect(plan.tasks.map(\.id) == ["1", "2", "true"])
    #expect(plan.tasks.map(\.needs) == [[], [0], [0, 1]])
    #expect(plan.tasks[0].work == .script("true", shell: ["/bin/sh", "-eu", "-c"]))
  }

  @Test func windowsLineEndsDoNotReachTheScript() throws {
    let plan = try plan("tasks:\r\n  a:\r\n    run: |\r\n      one\r\n      two\r\n")
    #expect(plan.tasks[0].work == .script("one\ntwo\n", shell: ["/bin/sh", "-eu", "-c"]))
  }

  @Test func aliasesShareWhatTheyName() throws {
    let plan = try plan(
      """
      tasks:
        a: {run: [x], env: &env {A: one}, retry: &retry {attempts: 2}}
        b: {run: [y], env: *env, retry: *retry}

      """)
    #expect(plan.tasks[0].env == plan.tasks[1].env)
    #expect(plan.tasks[1].retry.attempts == 2)
  }

  @Test func jsonSaysTheSame() throws {
    let yaml = try plan("tasks:\n  a:\n    run: [echo, '${{ run.id }}']\n    timeout: 5\n    env: {E: 😀}\n")
    let json = try plan(
      #"{"tasks": {"a": {"run": ["echo", "${{ run.id }}"], "timeout": 5, "env": {"E": "\ud83d\ude00"}}}}"#)
    #expect(json == yaml)
  }

  @Test func thePlanOfAFileWithAWarningIsThere() throws {
    let parsed = parse("tasks: {a: {run: [ls], shell: bash}}\n")
    #expect(parsed.plan != nil)
    #expect(parsed.diagnostics.map(\.severity) == [.warning])
  }

  @Test func stdoutIsKeptWhereSomethingMayLookAtIt() throws {
    let plan = try plan(
      """
      params: {k: stdout}
      tasks:
        named: {run: x}
        computed: {run: x}
        whole: {run: x}
        status: {run: x}
        none: {run: x}
        reader:
          needs: [named, computed, whole, status, none]
          run: [a, '${{ tasks.named.stdout }}', '${{ tasks.computed[params.k] }}', '${{ toJSON(tasks.whole) }}']
          if: tasks.status.status == 'succeeded' && tasks['none'].exit_code == 0

      """)
    #expect(plan.tasks.map(\.keepsStdout) == [true, true, true, false, false, false])
  }

  @Test func aThousandNeedsAreEachTakenOnce() throws {
    let names = (0..<1000).map { "t\($0)" }
    let plan = try plan(
      "tasks:\n" + names.map { "  \($0): {run: x}\n" }.joined()
        + "  all: {run: x, needs: [\((names + names).joined(separator: ", "))]}\n")
    #expect(plan.tasks[1000].needs == Array(0..<1000))
  }

  @Test func resourcesAreMergedKeyByKey() throws {
    let plan = try plan(
      """
      defaults: {resources: {memory: 1GiB, cpus: 2}}
      tasks:
        a: {run: x, resources: {memory: 512MiB}}
        b: {run: x}
        c: {run: x, resources: {cpus: 0.5, processes: 100}}

      """)
    #expect(
      plan.tasks.map(\.resources) == [
        ResourceLimits(cpus: 2, memory: 512 << 20), ResourceLimits(cpus: 2, memory: 1 << 30),
        ResourceLimits(cpus: 0.5, memory: 1 << 30, processes: 100),
      ])
  }
}

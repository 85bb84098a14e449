import Foundation
import Glibc
import Testing

/// Agents of type code, with bubblewrap as their engine.
@Suite struct SandboxTests {
  @Test func `code is given files, arguments, input and variables, and gives outputs and a code`() throws {
    let sandboxed = try Sandboxed()
    let workflow = """
      tasks:
        make: {run: 'mkdir d && echo 3,4 > d/data.csv'}
        code:
          needs: [make]
          agent: code_agent_001
          env: {FACTOR: 10}
          outputs: [sum]
          with:
            language: python
            files: [d/data.csv]
            args: [one, 'two three']
            stdin: 'from input'
            code: |
              import os, sys
              sum = sum(int(n) for n in open('d/data.csv').read().split(',')) * int(os.environ['FACTOR'])
              print(sys.argv[1:], sys.stdin.read(), os.getcwd(), os.environ['ASTRO_RUN_DIR'], os.getuid() != 0)
              with open(os.environ['ASTRO_OUTPUT'], 'a') as file:
                  file.write(f'sum={sum}\\n')
        then: {needs: [code], env: {SUM: '${{ tasks.code.outputs.sum }}'}, run: 'test "$SUM" = 70'}

      """
    let outcome = try sandboxed.run(workflow)
    #expect(outcome.code == 0, "\(outcome)")
    #expect(outcome.stdout == ["['one', 'two three'] from input /work /work True"])
    #expect(try sandboxed.run(try Sandboxed.workflow("exit 9", language: "sh")).code == 1)
    let message = try sandboxed.home.sql("SELECT outcome, exit_code FROM attempt WHERE exit_code = 9")
    #expect(message == "exited|9")
  }

  @Test func `code can be a file of the run, and other languages`() throws {
    let sandboxed = try Sandboxed()
    let file = """
      tasks:
        make: {run: "mkdir s && printf 'import helper; helper.go()' > s/main.py && printf 'def go(): print(7)' > s/helper.py"}
        code: {needs: [make], agent: code, with: {language: python, file: s/main.py, files: [s]}}

      """
    #expect(try sandboxed.run(file).stdout == ["7"])
    for (language, code) in [
      ("sh", "echo $((3 + 4))"), ("bash", "a=(3 4); echo $((a[0] + a[1]))"), ("perl", "print 3 + 4, \"\\n\";"),
    ] { #expect(try sandboxed.run(try Sandboxed.workflow(code, language: language)).stdout == ["7"], "\(language)") }
  }

  @Test func `a language that nobody knows, and files that are not the run's, are the task's fault`() throws {
    let sandboxed = try Sandboxed()
    func reason(_ workflow: String) throws -> String {
      let run = try sandboxed.run(workflow).run
      return try sandboxed.home.sql(
        "SELECT outcome || ': ' || message FROM attempt WHERE run = '\(run)' AND task = 'code'")
    }
    #expect(
      try reason(try Sandboxed.workflow("x", language: "'${{ params.l }}'", before: "params: {l: cobol}"))
        == "not_started: with.language: no interpreter is known for 'cobol'; there are bash, javascript, lua, perl, php, "
        + "python, r, ruby, sh")
    for path in ["../../x", "/etc/passwd"] {
      #expect(
        try reason(try Sandboxed.workflow("x", with: "files: ['${{ params.p }}']", before: "params: {p: '\(path)'}"))
          == "not_started: with.files: '\(path)' is not a path below the run's files")
    }
    let link = """
      tasks:
        make: {run: 'ln -s /etc/passwd link'}
        code: {needs: [make], agent: code, with: {language: python, code: x, files: [link]}}

      """
    #expect(try reason(link) == "not_started: file 'link' is neither a regular file nor a directory")
  }

  @Test func `a secret reaches the code that names it, and nobody who reads what it printed`() throws {
    let sandboxed = try Sandboxed()
    let workflow = try Sandboxed.workflow(
      "import os\nprint(len(os.environ['TOKEN']), os.environ['TOKEN'])", task: "env: {TOKEN: '${{ secrets.T }}'}",
      before: "secrets: {T: {env: HOST_TOKEN}}")
    let outcome = try sandboxed.run(workflow, environment: ["HOST_TOKEN": "a-secret-of-22-bytes!!"])
    #expect(outcome.stdout == ["22 ***"])
    let found = try sandboxed.home.shell("grep -rl 'a-secret-of-22' . ; true").output
    #expect(found == "")
  }

  // MARK: Ends

  /// Runs `sleep`, whose argument is found in no other process.
  private static func sleeper() throws -> (workflow: String, mark: String) {
    let mark = "98\(UInt32.random(in: 10_000_000..<99_999_999))"
    let code = "trap '' TERM\n(setsid sleep \(mark) &)\nsleep \(mark)"
    return (try Sandboxed.workflow(code, language: "sh", task: "grace: 1s"), mark)
  }

  @Test func `nothing of a sandbox outlives its end`() throws {
    let sandboxed = try Sandboxed()
    let mark = "97\(UInt32.random(in: 10_000_000..<99_999_999))"
    let code = "(setsid sleep \(mark) &)\n(sleep \(mark) &)\nexit 0"
    #expect(try sandboxed.run(try Sandboxed.workflow(code, language: "sh")).code == 0)
    try eventually("it is gone") { Processes.count(withArgument: mark) == 0 }
  }

  @Test func `a sandbox that is cancelled or out of time leaves nothing`() throws {
    let sandboxed = try Sandboxed()
    let (workflow, mark) = try Self.sleeper()
    let timed = workflow.replacing("grace: 1s", with: "timeout: 1s\n    grace: 1s")
    #expect(try sandboxed.run(timed).code == 1)
    #expect(try sandboxed.home.sql("SELECT outcome FROM attempt") == "timed_out")
    try eventually("it is gone") { Processes.count(withArgument: mark) == 0 }
    let watch = try sandboxed.home.start("watch")
    try sandboxed.home.submit(workflow)
    try eventually("it runs") { Processes.count(withArgument: mark) >= 2 }
    let run = try #require(sandboxed.home.names(in: "data/runs").last)
    try sandboxed.home.astro("cancel", run)
    try eventually("it is settled") { sandboxed.home.exists("spool/cancelled/\(run).yaml") }
    try eventually("it is gone") { Processes.count(withArgument: mark) == 0 }
    watch.signal(SIGTERM)
    _ = try watch.finish()
  }

  @Test func `a sandbox survives its runner, and dies with its warden`() throws {
    let sandboxed = try Sandboxed()
    let (home, gate, argument) = (sandboxed.home, "go", UUID().uuidString)
    let code = "while ! test -e d/\(gate); do sleep 0.05; done; echo went on"
    try home.submit(
      """
      tasks:
        make: {run: 'mkdir d; touch d/made'}
        code: {needs: [make], agent: code, with: {language: sh, files: [d], args: [\(argument)], code: '\(code)'}}

      """)
    let watch = try home.start("watch")
    try eventually("it runs") { Processes.count(withArgument: argument) > 0 }
    let run = try #require(home.names(in: "data/runs").first)
    watch.signal(SIGKILL)
    _ = try watch.finish()
    try home.write("", to: "data/runs/\(run)/files/d/\(gate)")
    try home.astro("drain")
    #expect(home.exists("spool/done/\(run).yaml"))
    #expect(try home.read("data/runs/\(run)/tasks/code/1/stdout") == "went on\n")
    let (workflow, mark) = try Self.sleeper()
    let second = try home.start("watch")
    try home.submit(workflow, as: "second.yaml")
    try eventually("it runs") { Processes.count(withArgument: mark) >= 2 }
    for name in home.names(in: "data/runners") where name.hasSuffix(".warden") {
      let line = try home.read("data/runners/\(name)")
      let pid = try #require(line.split { !$0.isNumber }.compactMap { Int32($0) }.first { $0 > 1 })
      kill(pid, SIGKILL)
    }
    try eventually("it is gone") { Processes.count(withArgument: mark) == 0 }
    second.signal(SIGKILL)
    _ = try second.finish()
  }

  // MARK: Engines

  @Test func `without an engine the agent is unhealthy with that reason`() throws {
    let sandboxed = try Sandboxed(
      agents: """
        agents:
          - {id: shell_agent_001, type: command, capabilities: [shell]}
          - {id: code_agent_001, type: code, sandbox: {engine: docker, image: 'localhost/none:1'}}

        """)
    let home = sandboxed.home
    // An engine that reports success whatever happened.
    let folder = "\(home.path)/bin"
    try home.write("#!/bin/sh\necho all is well\n", to: "bin/docker")
    chmod("\(folder)/docker", 0o755)
    let path = ["PATH": "\(folder):/usr/bin:/bin"]
    let probe = try home.astro("agents", "--probe", environment: path)
    #expect(probe.code == 69)
    #expect(
      probe.output.contains(
        "no sandbox engine works: docker cannot be used: docker could not run the container (code 0): all is well"))
    try home.submit(try Sandboxed.workflow("print(1)"))
    let watch = try home.start(["watch"], environment: path)
    try eventually("its health tells") {
      guard let health = try? home.read("data/health.json").json(), let checks = health["checks"] as? [String: Any],
        let docker = checks["docker"] as? [String: Any]
      else { return false }
      return docker["status"] as? String == "unhealthy"
        && (docker["message"] as? String)?.hasPrefix("no sandbox engine works: ") == true
    }
    #expect(try home.sql("SELECT count(*) FROM attempt WHERE outcome IN ('exited', 'signalled')") == "0")
    watch.signal(SIGTERM)
    _ = try watch.finish()
  }
}

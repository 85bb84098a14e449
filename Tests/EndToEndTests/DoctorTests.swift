import AstroTestKit
import Foundation
import Glibc
import Testing

@Suite struct DoctorTests {
  private struct Report: Decodable {
    struct Finding: Decodable {
      var check: String
      var status: String
      var message: String
      var advice: String?
    }
    var status: String
    var version: String
    var home: String?
    var findings: [Finding]

    func all(_ check: String) -> [Finding] { findings.filter { $0.check == check } }
  }

  private func examine(_ home: Home, _ environment: [String: String] = [:]) throws -> (code: Int32, report: Report) {
    try read(try home.start(["doctor", "--json"], environment: environment).finish())
  }

  private func read(_ ending: Command.Ending) throws -> (code: Int32, report: Report) {
    (ending.code, try JSONDecoder().decode(Report.self, from: Data(ending.output.utf8)))
  }

  @Test func `a fit machine and a fresh home have no problem`() throws {
    let home = try Home()
    let (code, report) = try examine(home)
    #expect(code == 0)
    #expect(report.home == home.path)
    #expect(report.findings.allSatisfy { $0.status != "problem" })
    #expect(report.findings.allSatisfy { ($0.advice == nil) == ($0.status == "ok") })
    let checks = Set(report.findings.map(\.check))
    #expect(
      checks == [
        "astro", "kernel", "sqlite", "libyaml", "proc", "shell", "inotify", "files", "clock", "control_groups",
        "resources",
        "sandbox", "slurm",
        "home",
        "configuration", "spool", "data", "rename", "lease", "locks", "file_time", "disk", "permissions", "programs",
        "journal", "runners",
      ])
    #expect(try #require(report.all("sqlite").first).message.hasPrefix("version 3."))
    #expect(try #require(report.all("sandbox").first).message.hasSuffix("(only needed for code agents)"))
    #expect(try #require(report.all("slurm").first).message.hasSuffix("(only needed for slurm agents)"))
    #expect(home.names(in: "spool") == ["active", "cancelled", "done", "failed", "rejected"])
    #expect(home.names(in: "data").isEmpty)
  }

  @Test func `keys that are only named are looked for`() throws {
    let home = try Home()
    try home.write(
      """
      agents:
        - {id: a, type: llm, dialect: openai_chat, api_key: {env: ASTRO_TEST_NO_SUCH_KEY}}
        - {id: b, type: llm, dialect: openai_chat, api_key: {file: keys/none}}
        - {id: c, type: llm, dialect: openai_chat, api_key: {file: keys/open}}
        - {id: d, type: http, headers: {X-Key: {file: keys/good}}}

      """, to: "config/agents.yaml")
    for name in ["open", "good"] { try home.write("secret\n", to: "keys/\(name)") }
    try #require(chmod(home.path + "/keys/open", 0o644) == 0 && chmod(home.path + "/keys/good", 0o600) == 0)
    let (code, report) = try examine(home)
    #expect(code == 0)
    #expect(
      report.all("keys").map(\.message) == [
        "agent 'a': api_key: the variable ASTRO_TEST_NO_SUCH_KEY is not set here",
        "agent 'b': api_key: \(home.path)/keys/none: No such file or directory",
        "agent 'c': api_key: \(home.path)/keys/open: others than its owner may read or write it",
      ])
    #expect(report.all("keys").allSatisfy { $0.status == "warning" })
    try home.write("agents: [{id: d, type: http, headers: {X-Key: {file: keys/good}}}]\n", to: "config/agents.yaml")
    let findings = try examine(home).report.all("keys")
    #expect(findings.map(\.message) == ["the configuration names 1, and all are there"])
    #expect(findings.map(\.status) == ["ok"])
  }

  @Test func `a key that is wrong is named, and a server that is not there`() throws {
    let server = ScriptedServer { connection in
      while let request = connection.request() {
        let isRight = request.headers["authorization"] == "Bearer sk-right-key"
        connection.send(ScriptedServer.answer(isRight ? 200 : 401, body: "{}"))
      }
    }
    let home = try Home()
    let dead = "http://127.0.0.1:\(ScriptedServer.deadPort())/v1"
    try home.write(
      """
      agents:
        - {id: a, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', api_key: {env: KEY_A}}
        - {id: b, type: llm, dialect: anthropic_messages, base_url: '\(server.url)', api_key: {env: KEY_B}}
        - {id: c, type: llm, dialect: openai_chat, base_url: '\(server.url)/v1', api_key: {env: KEY_NONE}}
        - {id: d, type: llm, dialect: openai_responses, base_url: '\(dead)'}

      """, to: "config/agents.yaml")
    let (code, report) = try examine(home, ["KEY_A": "sk-right-key", "KEY_B": "sk-wrong-key"])
    #expect(code == 69)
    let agents = report.all("agents")
    #expect(agents.map(\.status) == ["ok", "problem", "problem"])
    try #require(agents.count == 3)
    #expect(agents[0].message == "agent 'a': its server answers, and does not refuse the key")
    #expect(agents[1].message == "agent 'b': \(server.url) refuses the key: status 401")
    #expect(agents[1].advice == "see its base_url and its api_key in config/agents.yaml")
    #expect(agents[2].message.hasPrefix("agent 'd': ") && agents[2].message.contains("127.0.0.1"))
    #expect(report.all("keys").map(\.message) == ["agent 'c': api_key: the variable KEY_NONE is not set here"])
  }

  @Test func `which engine runs code is said, and why others do not`() throws {
    let home = try Home()
    let places = ["/usr/bin/bwrap", "/bin/bwrap"]
    let bubblewrap = try #require(places.first { access($0, X_OK) == 0 }, "needs bubblewrap")
    // Found before those of the machine, which may have them or not.
    for engine in ["some/podman", "some/docker", "none/podman", "none/docker", "none/bwrap"] {
      try home.write("#!/bin/sh\necho out of order >&2\nexit 1\n", to: engine)
      try #require(chmod("\(home.path)/\(engine)", 0o755) == 0)
    }
    try #require(symlink(bubblewrap, home.path + "/some/bwrap") == 0)
    try home.write("agents: [{id: box, type: code, sandbox: {engine: auto}}]\n", to: "config/agents.yaml")
    let found = try examine(home, ["PATH": home.path + "/some:/usr/bin:/bin"]).report.all("agents")
    #expect(found.map(\.status) == ["ok"])
    let said = try #require(found.first?.message)
    #expect(said.hasPrefix("agent 'box' runs code with bubblewrap; podman cannot be used: "), "\(said)")
    #expect(said.contains("; docker cannot be used: ") && said.split(separator: "out of order").count >= 2, "\(said)")
    let none = try examine(home, ["PATH": home.path + "/none:/usr/bin:/bin"])
    #expect(none.code == 69)
    let why = try #require(none.report.all("agents").first?.message)
    #expect(why.hasPrefix("agent 'box': no sandbox engine works: podman cannot be used: "), "\(why)")
    #expect(
      why.contains("; docker cannot be used: ")
        && why.contains("; bubblewrap reports 1 for a program that exits with 9: out of order"), "\(why)")
    #expect(none.report.all("agents").map(\.advice) == ["install one: apt install podman, or apt install bubblewrap"])
  }

  @Test func `for people each line begins with its level, and says what to do`() throws {
    let home = try Home()
    try #require(chmod(home.path + "/config/agents.yaml", 0o666) == 0)
    let ending = try home.astro("doctor")
    #expect(ending.code == 78)
    #expect(
      ending.output.contains(
        """
        problem  permissions: \(home.path)/config/agents.yaml may be written to by every user of this machine, and what is in \
        it decides what astro runs
                 → close it: chmod go-w \(home.path)/config/agents.yaml

        """))
    #expect(ending.output.contains("ok       libyaml: version "))
    #expect(try #require(ending.errors.split(separator: "\n").last).contains(": 1 problems, "))
  }

  @Test func `a spool that all may write to is only a warning`() throws {
    let home = try Home()
    try #require(chmod(home.path + "/spool", 0o1777) == 0)
    let (code, report) = try examine(home)
    #expect(code == 0)
    #expect(report.status == "warning")
    #expect(report.all("permissions").map(\.advice) == ["close it: chmod o-w \(home.path)/spool"])
  }

  @Test func `a wrong configuration is 78, and the rest is looked at all the same`() throws {
    let home = try Home()
    try home.write("system: {log_levle: INFO}\n", to: "config/system_config.yaml")
    let (code, report) = try examine(home)
    #expect(code == 78)
    #expect(
      report.all("configuration").map(\.message)
        == ["1 error in \(home.path)/config; the default places are looked at"])
    #expect(
      report.all("configuration").first?.advice?
        .hasPrefix("mend the lines named: config/system_config.yaml:1: unknown key 'log_levle'") == true)
    #expect(report.all("runners").map(\.status) == ["ok"])
    #expect(report.all("disk").count == 1)
  }

  @Test func `without a home the machine is looked at, and the code is 78`() throws {
    let home = try Home(isMade: false)
    try #require(mkdir(home.path, 0o700) == 0)
    let (code, report) = try read(try Command(home.astro, ["doctor", "--json"], in: home.path).finish())
    #expect(code == 78)
    #expect(report.home == nil)
    #expect(report.all("home").map(\.status) == ["problem"])
    #expect(report.all("kernel").map(\.status) == ["ok"])
  }

  @Test func `a sound journal is told with its size, a damaged one with what to do`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'true'}}\n")
    let sound = try #require(try examine(home).report.all("journal").first)
    #expect(sound.status == "ok")
    #expect(sound.message.wholeMatch(of: /.*\/data\/astro\.sqlite is sound, \d+ KiB, log \d+ KiB/) != nil)

    let path = home.path + "/data/astro.sqlite"
    _ = try home.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    let file = try #require(FileHandle(forWritingAtPath: path))
    file.seek(toFileOffset: 4096)
    file.write(Data(repeating: 0xA5, count: size - 4096))
    try file.close()
    let (code, report) = try examine(home)
    #expect(code == 72)
    let damaged = try #require(report.all("journal").first)
    #expect(damaged.status == "problem")
    #expect(damaged.message.contains("damaged"))
    #expect(damaged.advice?.hasSuffix("astro doctor --rebuild-journal; the old journal is kept") == true)
  }

  @Test func `a runner that died is told from one that lives`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      "tasks: {a: {run: '\(gate.pass)'}}\n")
    let drain = try home.start("drain")
    try gate.waitForTask()
    let living = try #require(try examine(home).report.all("runners").first)
    #expect(living.status == "ok")
    #expect(living.message.hasPrefix("at work: drain-"))
    gate.letOn()
    #expect(try drain.finish().code == 0)

    try home.write("", to: "data/runners/drain-1.lock")
    let dead = try #require(try examine(home).report.all("runners").first)
    #expect(dead.status == "warning")
    #expect(dead.message == "none is at work; ended without finishing: drain-1")
    #expect(dead.advice == "their work is taken over by the next: astro drain, or astro watch")
  }

  @Test func `missing directories and programs are named with the command that helps`() throws {
    let home = try Home()
    try #require(rename(home.path + "/spool", home.path + "/elsewhere") == 0)
    try home.write("tasks: {a: {run: [no-such-program, x]}}\n", to: "workflows/odd.yaml")
    try home.write("tasks: {a: {runn: x}}\n", to: "workflows/wrong.yaml")
    let (code, report) = try examine(home)
    #expect(code == 69)
    #expect(report.all("spool").map(\.message) == ["\(home.path)/spool: No such file or directory"])
    #expect(report.all("spool").map(\.advice) == ["make it: mkdir -m 700 \(home.path)/spool"])
    #expect(
      report.all("programs").map(\.message)
        == ["'no-such-program', which a workflow in \(home.path)/workflows runs, is not in PATH"])
    #expect(report.all("workflows").map(\.advice) == ["see why: astro validate \(home.path)/workflows/wrong.yaml"])
  }

  @Test func `programs of agents and of tool servers are looked for where they will be`() throws {
    let home = try Home()
    try home.write("#!/bin/sh\n", to: "bin/there")
    try #require(chmod(home.path + "/bin/there", 0o755) == 0)
    let fit = """
        - {id: own, type: exec, command: [there], env: {PATH: '\(home.path)/bin'}}
        - {id: shown, type: command, command: ['{model}', x]}
        - {id: beside, type: exec, command: [./inside]}
        - {id: elsewhere, type: exec, command: [there], env: {PATH: {env: ASTRO_TEST_PATH}}}
      """
    try home.write("agents:\n\(fit)\n", to: "config/agents.yaml")
    let fine = try examine(home, ["PATH": "/usr/bin:/bin", "ASTRO_TEST_PATH": "/nowhere:\(home.path)/bin"])
    #expect(fine.code == 0)
    #expect(
      fine.report.all("agent_programs").map(\.message) == ["what agents and servers of tools start is there: there"])

    try home.write(
      """
      mcp_servers: {time: {command: [no-such-server]}}
      agents:
      \(fit)
        - {id: coder, type: command, preset: claude_code, env: {PATH: /nowhere}}
        - {id: gone, type: exec, command: [/no/such/program]}
        - {id: tool, type: mcp, command: [no-such-tool], env: {PATH: /nowhere}}
        - {id: clock, type: mcp, server: time}

      """, to: "config/agents.yaml")
    let (code, report) = try examine(home, ["PATH": "/usr/bin:/bin", "ASTRO_TEST_PATH": "\(home.path)/bin"])
    #expect(code == 0, "it may be there when the runner starts")
    let found = report.all("agent_programs")
    #expect(Set(found.map(\.status)) == ["warning"])
    #expect(
      found.map(\.message) == [
        "agent 'coder' starts 'claude', which is not in its PATH (/nowhere)",
        "agent 'gone' starts '/no/such/program', which cannot be executed: No such file or directory",
        "agent 'tool' starts 'no-such-tool', which is not in its PATH (/nowhere)",
        "server 'time' starts 'no-such-server', which is not in its PATH (/usr/bin:/bin)",
      ])
  }

  /// /dev/shm is a tmpfs wherever POSIX shared memory works.
  @Test(.enabled(if: access("/dev/shm", W_OK) == 0, "needs /dev/shm"))
  func `a home in memory is warned of`() throws {
    let home = try Home(in: "/dev/shm")
    let (code, report) = try examine(home)
    #expect(code == 0)
    #expect(
      report.all("data").map(\.message) == ["\(home.path)/data is on tmpfs: all in it is gone after a reboot"])
    #expect(report.all("data").map(\.advice) == ["set data_dir to a directory of a disk"])
  }
}

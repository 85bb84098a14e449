import Foundation
import Glibc
import Testing

@Suite struct SubmitTests {
  private let greet = """
    params: {who: {type: string, required: true}}
    tasks: {a: {run: 'echo "hello $WHO" > "$ASTRO_RUN_DIR/said"', env: {WHO: '${{ params.who }}'}}}

    """

  @Test func `a submitted file becomes a run of exactly the identifier that was printed, with its parameters`() throws {
    let home = try Home()
    try home.write(greet, to: "greet.yaml")
    let submitted = try home.astro("submit", "greet.yaml", "-p", "who=Bob")
    #expect(submitted.code == 0)
    let id = try #require(submitted.output.lines.first)
    #expect(id.hasPrefix("greet-"))
    #expect(home.waiting == ["\(id).yaml"])
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(try home.read("data/runs/\(id)/files/said") == "hello Bob\n")
    let run = try home.astro("status", id, "--json").output.json()
    #expect(run["name"] as? String == "greet")
    #expect(run["params"] as? [String: String] == ["who": "Bob"])
  }

  @Test func `one file that is wrong keeps all of them out`() throws {
    let home = try Home()
    try home.write("tasks: {a: {run: 'true'}}\n", to: "good.yaml")
    try home.write("tasks:\n  a:\n    nedds: []\n    run: 'true'\n", to: "bad.yaml")
    let outcome = try home.astro("submit", "good.yaml", "bad.yaml")
    #expect(outcome.code == 65)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("bad.yaml:3:5: error: unknown key 'nedds'"))
    #expect(home.waiting.isEmpty)
  }

  @Test func `a parameter that is missing, unknown or of another type is refused before anything is placed`() throws {
    let home = try Home()
    try home.write(greet, to: "greet.yaml")
    let missing = try home.astro("submit", "greet.yaml")
    #expect(missing.code == 65)
    #expect(
      missing.errors == """
        greet.yaml:1:10: error: parameter 'who' is required
          params: {who: {type: string, required: true}}
                   ^~~
          hint: give it with -p who=...

        """)
    let unknown = try home.astro("submit", "greet.yaml", "-p", "who=a", "-p", "whom=b")
    #expect(unknown.code == 65)
    #expect(unknown.errors == "greet.yaml: error: there is no parameter 'whom'\n  hint: did you mean 'who'?\n")
    let malformed = try home.astro("submit", "greet.yaml", "-p", "who")
    #expect(malformed.code == 64)
    #expect(malformed.errors.hasPrefix("Error: -p takes name=value, got 'who'\n"))
    #expect(home.waiting.isEmpty)
  }

  @Test func `several files are placed in their order, as JSON with their paths`() throws {
    let home = try Home()
    try home.write("{name: one, tasks: {a: {run: 'true'}}}\n", to: "a.yaml")
    try home.write(#"{"name": "two", "tasks": {"a": {"run": "true"}}}"#, to: "b.json")
    let placed = try home.astro("submit", "a.yaml", "b.json", "--json").output.json([[String: String]].self)
    #expect(placed.map { $0["name"] } == ["one", "two"])
    #expect(placed.map { $0["user_id"] } == [NSUserName(), NSUserName()])
    let paths = placed.compactMap { $0["path"] }
    #expect(
      paths.map { ($0 as NSString).lastPathComponent }
        == placed.map { $0["workflow_id"]! }.enumerated().map {
          $0.offset == 0 ? "\($0.element).yaml" : "\($0.element).json"
        })
    #expect(try home.astro("drain").code == 0)
    #expect(
      try home.astro("list", "--json").output.json([[String: Any]].self).allSatisfy {
        $0["state"] as? String == "succeeded"
      })
  }

  @Test func `stdin is submitted too, and a last line without a newline is complete`() throws {
    let home = try Home()
    let outcome = try home.astro("submit", "-", input: "tasks: {a: {run: 'true'}}")
    let id = try #require(outcome.output.lines.first)
    #expect(id.hasPrefix("workflow-"))
    #expect(try home.read("spool/\(id).yaml") == "tasks: {a: {run: 'true'}}\n")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: id) == "succeeded")
  }

  @Test func `a file that is not there is said so`() throws {
    let home = try Home()
    let outcome = try home.astro("submit", "nope.yaml")
    #expect(outcome.code == 66)
    #expect(outcome.errors == "astro: nope.yaml: cannot be read: No such file or directory\n")
  }

  /// Nobody, not even root, may make a file in sysfs.
  @Test func `a spool that cannot be written to is error 73, and nothing is announced`() throws {
    let home = try Home(system: "spool_dir: /sys")
    try home.write("tasks: {a: {run: 'true'}}\n", to: "a.yaml")
    let outcome = try home.astro("submit", "a.yaml")
    #expect(outcome.code == 73)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("astro: /sys/.astro-"))
    #expect(outcome.errors.hasSuffix(".tmp: cannot create it: Permission denied\n"))
    #expect(try home.astro("status", "a-").code == 66)
  }

  @Test(.enabled(if: getuid() == 0)) func `a full disk is error 73, and nothing is left of what did not fit`() throws {
    let home = try Home()
    try home.mount("tmpfs", on: "spool", type: "tmpfs", options: "size=64k")
    try home.write(Workflows.succeeding, to: "small.yaml")
    try home.write(Workflows.succeeding + String(repeating: "# \n", count: 100_000), to: "large.yaml")
    let outcome = try home.astro("submit", "small.yaml", "large.yaml")
    #expect(outcome.code == 73)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.hasSuffix(".tmp: cannot write it: No space left on device\n"))
    #expect(home.waiting.isEmpty)
    #expect(try home.astro("status", "small-").code == 66)
  }

  @Test(.enabled(if: getuid() == 0))
  func `root gives the file to the owner of the spool, who could not read it otherwise`()
    throws
  {
    let home = try Home()
    try #require(chown(home.path + "/spool", 65534, 65534) == 0)
    try home.write(Workflows.succeeding, to: "a.yaml")
    let id = try #require(try home.astro("submit", "a.yaml").output.lines.first)
    var status = stat()
    #expect(stat("\(home.path)/spool/\(id).yaml", &status) == 0)
    #expect(status.st_uid == 65534)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test func `a submission that a limit held back keeps its parameters and its identifier`() throws {
    let home = try Home(system: "rate_limits: {workflow_creation: {max_requests: 1, window_seconds: 1h}}")
    try home.write(greet, to: "greet.yaml")
    let first = try #require(try home.astro("submit", "greet.yaml", "-p", "who=Ann").output.lines.first)
    let second = try #require(try home.astro("submit", "greet.yaml", "-p", "who=Bob").output.lines.first)
    let watch = try home.start("watch")
    #expect(watch.logs("Rate limit exceeded"))
    try home.astro("limits", "clear")
    try eventually("both have run") { home.names(in: "spool/done").count == 4 }
    #expect(try home.read("data/runs/\(first)/files/said") == "hello Ann\n")
    #expect(try home.read("data/runs/\(second)/files/said") == "hello Bob\n")
  }

  @Test func `a rejected submission keeps its identifier`() throws {
    let home = try Home()
    try home.write("tasks: {a: {run: 'true', agent: shell_agent_001}}\n", to: "a.yaml")
    let id = try #require(try home.astro("submit", "a.yaml").output.lines.first)
    try home.write("agents: [{id: other, type: command, capabilities: [shell]}]\n", to: "config/agents.yaml")
    try home.astro("drain")
    #expect(home.names(in: "spool/rejected") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(try home.state(of: id) == "rejected")
  }
}

@Suite struct SubmitWaitTests {
  private func waiting(_ home: Home, _ task: String, _ more: String...) throws -> (Command, id: String) {
    try home.write("tasks: {a: {run: '\(task)'}}\n", to: "a.yaml")
    let submit = try home.start(["submit", "--wait", "a.yaml"] + more)
    #expect(submit.logs("no runner is working: waiting for astro watch or astro drain\n"))
    return (submit, String(try #require(home.waiting.first).dropLast(".yaml".count)))
  }

  @Test func `it stays until the run has ended and says how`() throws {
    let home = try Home()
    let (submit, id) = try waiting(home, "true")
    try home.astro("drain")
    let outcome = try submit.finish()
    #expect(outcome.code == 0)
    #expect(outcome.output == "\(id)\n")
    #expect(outcome.errors.hasSuffix("\(id) succeeded\n"))
  }

  @Test func `a run that failed makes it exit with 1, and the JSON says the state`() throws {
    let home = try Home()
    let (submit, _) = try waiting(home, "exit 3", "--json")
    try home.astro("drain")
    let outcome = try submit.finish()
    #expect(outcome.code == 1)
    let ended = try outcome.output.json([[String: String]].self)
    #expect(ended.map { $0["state"] } == ["failed"])
  }

  @Test func `Ctrl-C leaves the file where it is`() throws {
    let home = try Home()
    let (submit, id) = try waiting(home, "true")
    submit.signal(SIGINT)
    let outcome = try submit.finish()
    #expect(outcome.code == 130)
    #expect(outcome.errors.hasSuffix("1 still to end; they go on\n"))
    #expect(home.waiting == ["\(id).yaml"])
  }

  @Test func `a file that is taken out of the spool by hand is not waited for for ever`() throws {
    let home = try Home()
    let (submit, id) = try waiting(home, "true")
    unlink("\(home.path)/spool/\(id).yaml")
    let outcome = try submit.finish()
    #expect(outcome.code == 1)
    #expect(outcome.errors.hasSuffix("\(id) cancelled: its file was removed from the spool\n"))
  }

  @Test func `a cancel of what waits ends the wait`() throws {
    let home = try Home()
    let (submit, id) = try waiting(home, "true")
    #expect(try home.astro("cancel", id).output == "\(id): cancelled, it had not started\n")
    let outcome = try submit.finish()
    #expect(outcome.code == 1)
    #expect(outcome.errors.hasSuffix("\(id) cancelled: cancelled before a runner took it\n"))
  }
}

import Foundation
import Testing

@Suite struct ListTests {
  @Test func `an empty home says how a run comes about`() throws {
    let home = try Home()
    let outcome = try home.astro("list")
    #expect(outcome.code == 0)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors == "no run yet: cp workflow.yaml \(home.path)/spool/\n")
    #expect(try home.astro("list", "--json").output == "[]\n")
    #expect(try home.astro("limits").errors == "no limit is in use: nothing was granted in the last windows\n")
  }

  private func withThreeRuns() throws -> Home {
    let home = try Home()
    for (name, text) in [
      ("good", "tasks: {a: {run: 'true'}, b: {run: 'true'}}\n"), ("bad", "tasks: {a: {run: exit 3}}\n"),
      ("wrong", "tasks: {a: {run: 'true', nedds: []}}\n"),
    ] {
      try home.submit(text, as: "\(name).yaml")
      try home.astro("drain")
    }
    return home
  }

  @Test func `runs are listed newest first, with what became of their tasks`() throws {
    let home = try withThreeRuns()
    let runs = try home.astro("list", "--json").output.json([[String: Any]].self)
    #expect(runs.map { $0["name"] as? String } == ["wrong", "bad", "good"])
    #expect(runs.map { $0["state"] as? String } == ["rejected", "failed", "succeeded"])
    #expect(runs.map { $0["tasks"] as? [String: Int] } == [[:], ["failed": 1], ["succeeded": 2]])
    #expect(runs.allSatisfy { $0["duration_ms"] is Double || $0["duration_ms"] is Int })
    let lines = try home.astro("list").output.lines
    #expect(lines.count == 4)
    #expect(lines[0].hasPrefix("RUN "))
    #expect(lines[1].hasSuffix("unknown key 'nedds'"))
    #expect(lines[2].hasSuffix("1 failed     task 'a' failed"))
    #expect(lines[3].hasSuffix("2 succeeded"))
  }

  @Test func `states, a user and a number narrow the list`() throws {
    let home = try withThreeRuns()
    func names(_ arguments: String...) throws -> [String] {
      try home.start(["list", "--json"] + arguments).finish().output.json([[String: Any]].self).compactMap {
        $0["name"] as? String
      }
    }
    #expect(try names("--state", "failed", "--state", "rejected") == ["wrong", "bad"])
    #expect(try names("--limit", "2") == ["wrong", "bad"])
    #expect(try names("--user", NSUserName()) == ["wrong", "bad", "good"])
    #expect(try names("--user", "nobody-at-all") == [])
    #expect(try home.astro("list", "--state", "held").errors == "no run matches\n")
  }

  @Test(arguments: [["--state", "done"], ["--limit", "0"], ["--limit", "many"]])
  func `what makes no sense is a usage error`(arguments: [String]) throws {
    let home = try Home()
    #expect(try home.start(["list"] + arguments).finish().code == 64)
  }

  @Test func `a closed pipe ends it quietly`() throws {
    let home = try withThreeRuns()
    // A reader that closes at once: whoever writes after that gets SIGPIPE.
    let ending = try home.shell("for i in 1 2 3 4 5; do \"$0\" list --json | true; done")
    #expect(ending.errors == "")
    #expect(ending.code == 0)
  }
}

@Suite struct RunArgumentTests {
  private let unknown = "no such run; astro list shows those there are"

  @Test(arguments: [
    ("", "''"), ("..", ".."), ("/etc/passwd", "/etc/passwd"), ("%", "%"), ("_", "_"),
    ("a'; DROP TABLE run;--", "a'; DROP TABLE run;--"),
    ("\u{1B}[31m", "?[31m"), (String(repeating: "x", count: 5000), String(repeating: "x", count: 100) + "…"),
    ("@newest", "@newest"),
  ])
  func `a spelling that is no run touches nothing and is shown safely`(name: String, shown: String) throws {
    let home = try Home()
    try home.submit(Workflows.succeeding, as: "a.yaml")
    try home.astro("drain")
    for verb in ["status", "cancel"] {
      let outcome = try home.astro(verb, name)
      #expect(outcome.code == 66)
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors == "astro: \(shown): \(unknown)\n")
    }
    #expect(try home.astro("list", "--json").output.json([[String: Any]].self).count == 1)
  }

  @Test func `the start of one run is enough, of several it is not`() throws {
    let home = try Home()
    for name in ["alpha", "beta-1", "beta-2"] { try home.submit(Workflows.succeeding, as: "\(name).yaml") }
    try home.astro("drain")
    let ids = try home.astro("list", "--json").output.json([[String: Any]].self).compactMap {
      $0["workflow_id"] as? String
    }
    .sorted()
    #expect(try home.astro("status", "al").output.hasPrefix(ids[0]))
    let ambiguous = try home.astro("status", "beta")
    #expect(ambiguous.code == 66)
    #expect(ambiguous.errors == "astro: beta: several runs begin so: \(ids[1]), \(ids[2])\n")
    #expect(try home.astro("status", ids[2]).code == 0)
  }

  @Test func `before the first run there is no latest one`() throws {
    let home = try Home()
    let outcome = try home.astro("status", "@latest")
    #expect(outcome.code == 66)
    #expect(outcome.errors == "astro: @latest: no such run: nothing has run here yet\n")
  }

  @Test func `the home may be named before the verb`() throws {
    let (home, other) = (try Home(), try Home(system: Home.unlimited))
    try other.submit(Workflows.succeeding, as: "a.yaml")
    #expect(try home.astro("--home", other.path, "drain").code == 0)
    #expect(try home.astro("--home=\(other.path)", "list", "--json").output.json([[String: Any]].self).count == 1)
    #expect(try home.astro("--home", other.path, "limits", "clear", "task_submission").output == "0 cleared\n")
    #expect(try home.astro("--home", other.path, "list", "--home", home.path, "--json").output == "[]\n")
    #expect(try home.astro("--home", other.path, "init", "x").code == 64, "it has no such option")
    #expect(try home.astro("--home", other.path, "lisst").errors.contains("did you mean 'list'?"))
  }
}

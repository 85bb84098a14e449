import Foundation
import Testing

/// The built binary in a fresh home, files put there by plain cp. ASTRO_BINARY names the binary.
@Suite struct EndToEnd {
  /// Copies a workflow into the spool as a user does.
  private func copy(_ text: String, to home: Home, as name: String) throws {
    try home.write(text, to: name)
    #expect(try Command("/bin/cp", ["\(home.path)/\(name)", home.path + "/spool/"]).finish().code == 0)
  }

  @Test func aCopiedWorkflowRunsAndItsFileEndsInDone() throws {
    let home = try Home()
    try copy(
      """
      tasks:
        a:
          run: echo "word=hello" >> "$ASTRO_OUTPUT"
        b:
          needs: [a]
          env: {WORD: '${{ tasks.a.outputs.word }}'}
          run: echo "$WORD" > "$ASTRO_RUN_DIR/said"

      """, to: home, as: "greet.yaml")
    #expect(try home.astro("drain").code == 0)
    let done = home.names(in: "spool/done")
    #expect(done.count == 2)
    #expect(home.names(in: "spool/active").isEmpty)
    let id = try home.run(in: "done")
    #expect(try home.read("data/runs/\(id)/files/said") == "hello\n")
    let page = try home.read("data/metrics/astro.prom")
    #expect(page.contains("astro_workflows_total{status=\"completed\"} 1\n"))
    #expect(page.contains("astro_tasks_total{agent_id=\"shell_agent_001\",status=\"success\"} 2\n"))
  }

  @Test func aPassRunsAFileThatComesWhileItWaitsForATask() throws {
    let home = try Home()
    try home.write("tasks: {a: {run: 'true'}}\n", to: "second.txt")
    try copy(
      "tasks: {a: {run: cp \"$ASTRO_HOME/second.txt\" \"$ASTRO_HOME/spool/second.yaml\"}}\n", to: home,
      as: "first.yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 4)
  }

  @Test func filesOfOneMomentAreTakenByNameAndTheRestWaits() throws {
    let home = try Home(system: "rate_limits: {workflow_creation: {max_requests: 2, window_seconds: 600}}")
    let names = ["nightly-07", "nightly-03", "nightly-11", "nightly-02", "nightly-05"]
    for name in names { try copy("tasks: {a: {run: 'true'}}\n", to: home, as: name + ".yaml") }
    for name in names {
      #expect(
        try Command("/bin/touch", ["-d", "2026-01-01T00:00:00Z", "\(home.path)/spool/\(name).yaml"]).finish().code == 0)
    }
    #expect(try home.astro("drain").code == 0)
    #expect(
      home.names(in: "spool").filter { $0.hasSuffix(".yaml") }
        == [5, 7, 11].map { "nightly-\($0 < 10 ? "0" : "")\($0).yaml" })
    #expect(
      home.names(in: "spool/done").filter { $0.hasSuffix(".yaml") }.map { $0.prefix(10) } == [
        "nightly-02", "nightly-03",
      ])
  }

  @Test func aFailureEndsInFailedWithExitCodeOne() throws {
    let home = try Home()
    try copy("tasks: {a: {run: exit 3}, b: {needs: a, run: 'true'}}\n", to: home, as: "bad.yaml")
    #expect(try home.astro("drain").code == 1)
    #expect(home.names(in: "spool/failed").count == 2)
    let status = try home.astro("status", "@latest", "--json").output
    #expect(status.contains("\"state\":\"upstream_failed\""))
  }

  @Test func aMistakeIsRejectedWithItsPlace() throws {
    let home = try Home()
    try copy("tasks:\n  a:\n    runn: 'true'\n", to: home, as: "typo.yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/rejected").count == 2)
    let text = try home.read("spool/rejected/\(home.run(in: "rejected")).receipt.json")
    #expect(text.contains("\"line\":3"))
    #expect(text.contains("did you mean 'run'?"))
  }

  @Test func aVerbThatIsNoneIsToldFromTheOneThatWasMeant() throws {
    let ending = try Home().astro("drian")
    #expect(ending.errors == "astro: there is no verb 'drian'; did you mean 'drain'? astro --help lists them\n")
    #expect(ending.output == "")
    #expect(ending.code == 64)
  }

  @Test func wrongConfigurationStartsNothing() throws {
    let home = try Home()
    try home.configure("log_levle: INFO")
    #expect(try home.astro("drain").code == 78)
    #expect(!home.exists("data/astro.sqlite"))
  }

  /// With an interval of a day, only a change of state can have written the file.
  @Test func aWatcherIsReadyAsSoonAsItWatchesNotAfterAnInterval() throws {
    let home = try Home(system: "health_check_interval: 1d")
    let watcher = try home.start("watch")
    #expect(watcher.logs("Health changed"))
    #expect(try home.astro("health", "ready").code == 0)
  }
}

import Foundation
import Testing

/// The built binary in a fresh home, files put there by plain cp. ASTRO_BINARY names the binary.
@Suite struct EndToEnd {
  private func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  private func inHome(_ body: (_ astro: String, _ home: String) throws -> Void) throws {
    let astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    let home = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: home) }
    #expect(try run(astro, ["init", home]).code == 0)
    try body(astro, home)
  }

  private func submit(_ text: String, to home: String, as name: String) throws {
    let source = home + "/" + name
    try text.write(toFile: source, atomically: true, encoding: .utf8)
    #expect(try run("/bin/cp", [source, home + "/spool/"]).code == 0)
  }

  private func files(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  @Test func aCopiedWorkflowRunsAndItsFileEndsInDone() throws {
    try inHome { astro, home in
      try submit(
        """
        tasks:
          a:
            run: echo "word=hello" >> "$ASTRO_OUTPUT"
          b:
            needs: [a]
            env: {WORD: '${{ tasks.a.outputs.word }}'}
            run: echo "$WORD" > "$ASTRO_RUN_DIR/said"

        """, to: home, as: "greet.yaml")
      #expect(try run(astro, ["drain", "--home", home]).code == 0)
      let done = files(home + "/spool/done")
      #expect(done.count == 2)
      #expect(files(home + "/spool/active").isEmpty)
      let id = try #require(done.first { $0.hasSuffix(".yaml") }).dropLast(5)
      #expect(try String(contentsOfFile: "\(home)/data/runs/\(id)/files/said", encoding: .utf8) == "hello\n")
      let page = try String(contentsOfFile: home + "/data/metrics/astro.prom", encoding: .utf8)
      #expect(page.contains("astro_workflows_total{status=\"completed\"} 1\n"))
      #expect(page.contains("astro_tasks_total{agent_id=\"shell_agent_001\",status=\"success\"} 2\n"))
    }
  }

  @Test func aPassRunsAFileThatComesWhileItWaitsForATask() throws {
    try inHome { astro, home in
      let second = home + "/second.txt"
      try "tasks: {a: {run: 'true'}}\n".write(toFile: second, atomically: true, encoding: .utf8)
      try submit(
        "tasks: {a: {run: cp \"$ASTRO_HOME/second.txt\" \"$ASTRO_HOME/spool/second.yaml\"}}\n", to: home,
        as: "first.yaml")
      #expect(try run(astro, ["drain", "--home", home]).code == 0)
      #expect(files(home + "/spool/done").count == 4)
    }
  }

  @Test func filesOfOneMomentAreTakenByNameAndTheRestWaits() throws {
    try inHome { astro, home in
      let path = home + "/config/system_config.yaml"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try text.replacing(/workflow_creation:.*/, with: "workflow_creation: {max_requests: 2, window_seconds: 600}")
        .write(toFile: path, atomically: true, encoding: .utf8)
      let names = ["nightly-07", "nightly-03", "nightly-11", "nightly-02", "nightly-05"]
      for name in names { try submit("tasks: {a: {run: 'true'}}\n", to: home, as: name + ".yaml") }
      for name in names {
        #expect(try run("/bin/touch", ["-d", "2026-01-01T00:00:00Z", "\(home)/spool/\(name).yaml"]).code == 0)
      }
      #expect(try run(astro, ["drain", "--home", home]).code == 0)
      #expect(
        files(home + "/spool").filter { $0.hasSuffix(".yaml") }
          == [5, 7, 11].map { "nightly-\($0 < 10 ? "0" : "")\($0).yaml" })
      #expect(
        files(home + "/spool/done").filter { $0.hasSuffix(".yaml") }.map { $0.prefix(10) } == [
          "nightly-02", "nightly-03",
        ])
    }
  }

  @Test func aFailureEndsInFailedWithExitCodeOne() throws {
    try inHome { astro, home in
      try submit("tasks: {a: {run: exit 3}, b: {needs: a, run: 'true'}}\n", to: home, as: "bad.yaml")
      #expect(try run(astro, ["drain", "--home", home]).code == 1)
      #expect(files(home + "/spool/failed").count == 2)
      let status = try run(astro, ["status", "@latest", "--json", "--home", home]).output
      #expect(status.contains("\"state\":\"upstream_failed\""))
    }
  }

  @Test func aMistakeIsRejectedWithItsPlace() throws {
    try inHome { astro, home in
      try submit("tasks:\n  a:\n    runn: 'true'\n", to: home, as: "typo.yaml")
      #expect(try run(astro, ["drain", "--home", home]).code == 0)
      let rejected = files(home + "/spool/rejected")
      #expect(rejected.count == 2)
      let receipt = try #require(rejected.first { $0.hasSuffix(".json") })
      let text = try String(contentsOfFile: "\(home)/spool/rejected/\(receipt)", encoding: .utf8)
      #expect(text.contains("\"line\":3"))
      #expect(text.contains("did you mean 'run'?"))
    }
  }

  @Test func aVerbThatIsNoneIsToldFromTheOneThatWasMeant() throws {
    let astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"])
    let ending = try run("/bin/sh", ["-c", "'\(astro)' drian 2>&1; echo $?"])
    #expect(ending.output == "astro: there is no verb 'drian'; did you mean 'drain'? astro --help lists them\n64\n")
  }

  @Test func wrongConfigurationStartsNothing() throws {
    try inHome { astro, home in
      try "system: {log_levle: INFO}\n".write(
        toFile: home + "/config/system_config.yaml", atomically: true, encoding: .utf8)
      #expect(try run(astro, ["drain", "--home", home]).code == 78)
      #expect(!FileManager.default.fileExists(atPath: home + "/data/astro.sqlite"))
    }
  }

  /// Reads the log as it comes: with an interval of a day, only a change of state can have written the file.
  @Test func aWatcherIsReadyAsSoonAsItWatchesNotAfterAnInterval() throws {
    try inHome { astro, home in
      try "system: {health_check_interval: 1d}\n".write(
        toFile: home + "/config/system_config.yaml", atomically: true, encoding: .utf8)
      let watcher = Process()
      watcher.executableURL = URL(fileURLWithPath: astro)
      watcher.arguments = ["watch", "--home", home]
      let console = Pipe()
      watcher.standardError = console
      try watcher.run()
      defer { watcher.waitUntilExit() }
      defer { watcher.terminate() }
      var said = ""
      while !said.contains("Health changed") {
        var entry = pollfd(fd: console.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
        try #require(poll(&entry, 1, 30_000) == 1, "the watcher says no more than: \(said)")
        let data = console.fileHandleForReading.availableData
        try #require(!data.isEmpty, "the watcher ended: \(said)")
        said += String(decoding: data, as: UTF8.self)
      }
      #expect(try run(astro, ["health", "ready", "--home", home]).code == 0)
    }
  }
}

import Foundation
import Testing

/// fetch succeeds, flaky fails until the file `ok` is there, after depends on it.
private let workflow = """
  tasks:
    fetch:
      run: echo x >> fetched; echo "n=7" >> "$ASTRO_OUTPUT"
    flaky:
      needs: [fetch]
      env: {N: '${{ tasks.fetch.outputs.n }}'}
      run: echo "$ASTRO_ATTEMPT $N" >> tried; test -e ok
      retry: {attempts: 2, delay: 10ms}
    after:
      needs: [flaky]
      run: echo x >> done

  """

@Suite struct Retry {
  private func failed() throws -> (ControlHome, String) {
    let home = try ControlHome()
    try home.submit(workflow)
    #expect(try home.run("drain").code == 1)
    return (home, try home.id(in: "failed"))
  }

  @Test func whatFailedRunsAgainAndWhatSucceededIsKept() throws {
    let (home, id) = try failed()
    try home.write("", "data/runs/\(id)/files/ok")
    let answer = try home.run("retry", id)
    #expect(answer.output == "\(id): 2 of 3 tasks run again\n")
    #expect(try home.state(id) == "queued")
    #expect(try home.run("drain").code == 0)
    #expect(try home.tasks(id) == ["fetch": "succeeded 1", "flaky": "succeeded 3", "after": "succeeded 1"])
    #expect(home.lines(id, "fetched").count == 1)
    #expect(home.lines(id, "tried") == ["1 7", "2 7", "3 7"])
    #expect(home.files("spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(home.files("spool/failed").isEmpty)
    #expect(home.files("spool/active").isEmpty)
    #expect(home.events(id).contains("workflow_retried"))
    #expect(home.text("data/runs/\(id)/run.json").contains("\"state\":\"succeeded\""))
    #expect(home.text("data/runs/\(id)/run.json").contains("\"retried_at\""))
  }

  @Test func theRetryPolicyCountsAnew() throws {
    let (home, id) = try failed()
    try home.run("retry", id)
    #expect(try home.run("drain").code == 1)
    #expect(home.lines(id, "tried").map { $0.prefix(1) } == ["1", "2", "3", "4"])
    #expect(try home.tasks(id)["after"] == "upstream_failed 0")
  }

  @Test func everyAttemptAndEveryEndIsCountedOnce() throws {
    let (home, id) = try failed()
    try home.write("", "data/runs/\(id)/files/ok")
    try home.run("retry", id)
    try home.run("drain")
    let page = home.text("data/metrics/astro.prom")
    #expect(page.contains("astro_tasks_total{agent_id=\"shell_agent_001\",status=\"success\"} 3\n"))
    #expect(page.contains("astro_tasks_total{agent_id=\"shell_agent_001\",status=\"failure\"} 2\n"))
    #expect(page.contains("astro_workflows_total{status=\"failed\"} 1\n"))
    #expect(page.contains("astro_workflows_total{status=\"completed\"} 1\n"))
  }

  @Test func fromRunsATaskAndWhatDependsOnIt() throws {
    let (home, id) = try failed()
    try home.write("", "data/runs/\(id)/files/ok")
    try home.run("retry", id)
    try home.run("drain")
    let answer = try home.run("retry", id, "--from", "flaky", "--json")
    #expect(answer.json["tasks"] as? [String] == ["flaky", "after"])
    #expect(answer.json["kept"] as? Int == 1)
    #expect(try home.run("drain").code == 0)
    #expect(home.lines(id, "fetched").count == 1)
    #expect(home.lines(id, "done").count == 2)
  }

  @Test func onlyRunsOneTask() throws {
    let (home, id) = try failed()
    #expect(try home.run("retry", id, "--only", "fetch").code == 0)
    #expect(try home.run("drain").code == 1)
    #expect(home.lines(id, "fetched").count == 2)
    #expect(home.lines(id, "tried").count == 2)
    #expect(try home.id(in: "failed") == id)
  }

  @Test func mistakesAreAnsweredWithTheirCodes() throws {
    let (home, id) = try failed()
    let unknown = try home.run("retry", id, "--from", "flakey")
    #expect(unknown.code == 66)
    #expect(unknown.errors == "astro: \(id): has no task 'flakey'; did you mean 'flaky'?\n")
    #expect(try home.run("retry", "nothing").code == 66)
    #expect(try home.run("retry", id, "--from", "a", "--only", "b").code == 64)
    try home.run("retry", id)
    let active = try home.run("retry", id)
    #expect(active.code == 75)
    #expect(
      active.errors
        == "astro: \(id): is queued; only a run that has ended can be retried, end it with: astro cancel \(id)\n")
  }

  @Test func aRejectedFileIsToBeMendedInstead() throws {
    let home = try ControlHome()
    try home.submit("tasks: {a: {runn: 'true'}}\n")
    try home.run("drain")
    let answer = try home.run("retry", "@latest")
    #expect(answer.code == 64)
    #expect(answer.errors.contains("was rejected and never ran; mend the file and submit it again"))
  }

  // What every crash leaves: the journal says `queued`, the file may lie anywhere.

  @Test func killedBetweenTheJournalAndTheMoveTheNextRunnerMovesTheFile() throws {
    let (home, id) = try failed()
    try home.write("", "data/runs/\(id)/files/ok")
    try home.run("retry", id)
    #expect(home.files("spool/failed") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(try home.state(id) == "queued")
    // A runner that took the run over and died before it moved anything: an owner without a lock.
    try home.sql("UPDATE run SET owner = 'watch-dead'")
    #expect(try home.run("drain").code == 0)
    #expect(home.files("spool/failed").isEmpty)
    #expect(home.files("spool/done") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func killedBetweenTheMoveAndTheReceiptNoReceiptIsLeft() throws {
    let (home, id) = try failed()
    try home.write("", "data/runs/\(id)/files/ok")
    try home.run("retry", id)
    try FileManager.default.moveItem(
      atPath: "\(home.path)/spool/failed/\(id).yaml", toPath: "\(home.path)/spool/active/\(id).yaml")
    #expect(try home.run("drain").code == 0)
    #expect(home.files("spool/failed").isEmpty)
    #expect(home.files("spool/done") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func aFileThatIsGoneIsWrittenAgainFromTheJournal() throws {
    let (home, id) = try failed()
    try home.run("retry", id)
    try FileManager.default.removeItem(atPath: "\(home.path)/spool/failed/\(id).yaml")
    #expect(try home.run("drain").code == 1)
    #expect(home.text("spool/failed/\(id).yaml") == workflow)
  }

  @Test func aWatcherTakesItUpAndAKilledOneIsFollowed() throws {
    let (home, id) = try failed()
    try home.write("", "data/runs/\(id)/files/ok")
    let first = try Following(home, "watch")
    try first.line(with: "Watching")
    try home.run("retry", id)
    try first.line(with: "Run adopted")
    first.kill()
    #expect(try home.run("drain").code == 0)
    #expect(try home.state(id) == "succeeded")
    #expect(home.lines(id, "done").count == 1)
    #expect(home.files("spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(home.files("spool/failed").isEmpty)
    // The attempt that was under way is never run beside another, and none is run twice.
    #expect(Set(home.lines(id, "tried")).count == home.lines(id, "tried").count)
  }

  @Test func aRunWhoseEndWasNotSettledCanBeRetried() throws {
    let (home, id) = try failed()
    try home.write("", "data/runs/\(id)/files/ok")
    // Killed between the commit of the end and the move of the file.
    try home.sql("UPDATE run SET settled = 0, owner = 'watch-dead'")
    try FileManager.default.moveItem(
      atPath: "\(home.path)/spool/failed/\(id).yaml", toPath: "\(home.path)/spool/active/\(id).yaml")
    #expect(try home.run("retry", id).code == 0)
    #expect(try home.run("drain").code == 0)
    #expect(home.files("spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(home.files("spool/failed").isEmpty)
  }

  @Test func theDeadlineStartsAnew() throws {
    let home = try ControlHome()
    try home.submit("deadline: 1h\ntasks: {a: {run: test -e ok}}\n")
    #expect(try home.run("drain").code == 1)
    let id = try home.id(in: "failed")
    try home.write("", "data/runs/\(id)/files/ok")
    try home.sql("UPDATE run SET claimed_at = claimed_at - 7200000000")
    try home.run("retry", id)
    #expect(try home.run("drain").code == 0)
    #expect(try home.state(id) == "succeeded")
  }
}

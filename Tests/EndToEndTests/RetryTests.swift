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
  private func failed() throws -> (Home, String) {
    let home = try Home()
    try home.submit(workflow)
    #expect(try home.astro("drain").code == 1)
    return (home, try home.run(in: "failed"))
  }

  @Test func whatFailedRunsAgainAndWhatSucceededIsKept() throws {
    let (home, id) = try failed()
    try home.write("", to: "data/runs/\(id)/files/ok")
    let answer = try home.astro("retry", id)
    #expect(answer.output == "\(id): 2 of 3 tasks run again\n")
    #expect(try home.state(of: id) == "queued")
    #expect(try home.astro("drain").code == 0)
    #expect(try home.tasks(of: id) == ["fetch": "succeeded 1", "flaky": "succeeded 3", "after": "succeeded 1"])
    #expect(try home.lines("fetched", of: id).count == 1)
    #expect(try home.lines("tried", of: id) == ["1 7", "2 7", "3 7"])
    #expect(home.names(in: "spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(home.names(in: "spool/failed").isEmpty)
    #expect(home.names(in: "spool/active").isEmpty)
    #expect(try home.events(of: id).contains("workflow_retried"))
    #expect(try home.read("data/runs/\(id)/run.json").contains("\"state\":\"succeeded\""))
    #expect(try home.read("data/runs/\(id)/run.json").contains("\"retried_at\""))
  }

  @Test func theRetryPolicyCountsAnew() throws {
    let (home, id) = try failed()
    try home.astro("retry", id)
    #expect(try home.astro("drain").code == 1)
    #expect(try home.lines("tried", of: id).map { $0.prefix(1) } == ["1", "2", "3", "4"])
    #expect(try home.tasks(of: id)["after"] == "upstream_failed 0")
  }

  @Test func everyAttemptAndEveryEndIsCountedOnce() throws {
    let (home, id) = try failed()
    try home.write("", to: "data/runs/\(id)/files/ok")
    try home.astro("retry", id)
    try home.astro("drain")
    let page = try home.read("data/metrics/astro.prom")
    #expect(page.contains("astro_tasks_total{agent_id=\"shell_agent_001\",status=\"success\"} 3\n"))
    #expect(page.contains("astro_tasks_total{agent_id=\"shell_agent_001\",status=\"failure\"} 2\n"))
    #expect(page.contains("astro_workflows_total{status=\"failed\"} 1\n"))
    #expect(page.contains("astro_workflows_total{status=\"completed\"} 1\n"))
  }

  @Test func fromRunsATaskAndWhatDependsOnIt() throws {
    let (home, id) = try failed()
    try home.write("", to: "data/runs/\(id)/files/ok")
    try home.astro("retry", id)
    try home.astro("drain")
    let answer = try home.astro("retry", id, "--from", "flaky", "--json")
    #expect(try answer.output.json()["tasks"] as? [String] == ["flaky", "after"])
    #expect(try answer.output.json()["kept"] as? Int == 1)
    #expect(try home.astro("drain").code == 0)
    #expect(try home.lines("fetched", of: id).count == 1)
    #expect(try home.lines("done", of: id).count == 2)
  }

  @Test func onlyRunsOneTask() throws {
    let (home, id) = try failed()
    #expect(try home.astro("retry", id, "--only", "fetch").code == 0)
    #expect(try home.astro("drain").code == 1)
    #expect(try home.lines("fetched", of: id).count == 2)
    #expect(try home.lines("tried", of: id).count == 2)
    #expect(try home.run(in: "failed") == id)
  }

  @Test func mistakesAreAnsweredWithTheirCodes() throws {
    let (home, id) = try failed()
    let unknown = try home.astro("retry", id, "--from", "flakey")
    #expect(unknown.code == 66)
    #expect(unknown.errors == "astro: \(id): has no task 'flakey'; did you mean 'flaky'?\n")
    #expect(try home.astro("retry", "nothing").code == 66)
    #expect(try home.astro("retry", id, "--from", "a", "--only", "b").code == 64)
    try home.astro("retry", id)
    let active = try home.astro("retry", id)
    #expect(active.code == 75)
    #expect(
      active.errors
        == "astro: \(id): is queued; only a run that has ended can be retried, end it with: astro cancel \(id)\n")
  }

  @Test func aRejectedFileIsToBeMendedInstead() throws {
    let home = try Home()
    try home.submit("tasks: {a: {runn: 'true'}}\n")
    try home.astro("drain")
    let answer = try home.astro("retry", "@latest")
    #expect(answer.code == 64)
    #expect(answer.errors.contains("was rejected and never ran; mend the file and submit it again"))
  }

  // What every crash leaves: the journal says `queued`, the file may lie anywhere.

  @Test func killedBetweenTheJournalAndTheMoveTheNextRunnerMovesTheFile() throws {
    let (home, id) = try failed()
    try home.write("", to: "data/runs/\(id)/files/ok")
    try home.astro("retry", id)
    #expect(home.names(in: "spool/failed") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(try home.state(of: id) == "queued")
    // A runner that took the run over and died before it moved anything: an owner without a lock.
    try home.sql("UPDATE run SET owner = 'watch-dead'")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/failed").isEmpty)
    #expect(home.names(in: "spool/done") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func killedBetweenTheMoveAndTheReceiptNoReceiptIsLeft() throws {
    let (home, id) = try failed()
    try home.write("", to: "data/runs/\(id)/files/ok")
    try home.astro("retry", id)
    try FileManager.default.moveItem(
      atPath: "\(home.path)/spool/failed/\(id).yaml", toPath: "\(home.path)/spool/active/\(id).yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/failed").isEmpty)
    #expect(home.names(in: "spool/done") == ["\(id).receipt.json", "\(id).yaml"])
  }

  @Test func aFileThatIsGoneIsWrittenAgainFromTheJournal() throws {
    let (home, id) = try failed()
    try home.astro("retry", id)
    try FileManager.default.removeItem(atPath: "\(home.path)/spool/failed/\(id).yaml")
    #expect(try home.astro("drain").code == 1)
    #expect(try home.read("spool/failed/\(id).yaml") == workflow)
  }

  @Test func aWatcherTakesItUpAndAKilledOneIsFollowed() throws {
    let (home, id) = try failed()
    try home.write("", to: "data/runs/\(id)/files/ok")
    let first = try home.start("watch")
    #expect(first.logs("Watching"))
    try home.astro("retry", id)
    #expect(first.logs("Run adopted"))
    try first.kill()
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: id) == "succeeded")
    #expect(try home.lines("done", of: id).count == 1)
    // A dot file may be left where the kill met a write.
    #expect(home.names(in: "spool/done").filter { !$0.hasPrefix(".") } == ["\(id).receipt.json", "\(id).yaml"])
    #expect(home.names(in: "spool/failed").allSatisfy { $0.hasPrefix(".") })
    // The attempt that was under way is never run beside another, and none is run twice.
    let tried = try home.lines("tried", of: id)
    #expect(Set(tried).count == tried.count)
  }

  @Test func aRunWhoseEndWasNotSettledCanBeRetried() throws {
    let (home, id) = try failed()
    try home.write("", to: "data/runs/\(id)/files/ok")
    // Killed between the commit of the end and the move of the file.
    try home.sql("UPDATE run SET settled = 0, owner = 'watch-dead'")
    try FileManager.default.moveItem(
      atPath: "\(home.path)/spool/failed/\(id).yaml", toPath: "\(home.path)/spool/active/\(id).yaml")
    #expect(try home.astro("retry", id).code == 0)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(home.names(in: "spool/failed").isEmpty)
  }

  @Test func theDeadlineStartsAnew() throws {
    let home = try Home()
    try home.submit("deadline: 1h\ntasks: {a: {run: test -e ok}}\n")
    #expect(try home.astro("drain").code == 1)
    let id = try home.run(in: "failed")
    try home.write("", to: "data/runs/\(id)/files/ok")
    try home.sql("UPDATE run SET claimed_at = claimed_at - 7200000000")
    try home.astro("retry", id)
    #expect(try home.astro("drain").code == 0)
    #expect(try home.state(of: id) == "succeeded")
  }
}

import AstroCore
import Testing

@testable import AstroRunner

private let run = WorkflowID(unchecked: "nightly-20261124T020000Z-abcdef")

/// fetch <- sum <- publish, and `log`, which runs however fetch ended.
private func plan(_ change: (inout WorkflowPlan) -> Void = { _ in }) -> WorkflowPlan {
  var plan = WorkflowPlan()
  for (name, needs) in [("fetch", []), ("sum", [0]), ("publish", [1]), ("log", [0])] {
    var task = TaskPlan(id: name, work: .command([Template("/bin/true")]))
    task.needs = needs
    plan.tasks.append(task)
  }
  plan.tasks[3].condition = .call(.always, [])
  change(&plan)
  return plan
}

private let states: [String: TaskState] = [
  "fetch": .succeeded, "sum": .failed, "publish": .upstreamFailed, "log": .succeeded,
]

private func message(_ selection: RetrySelection, _ states: [String: TaskState]) -> String {
  do throws(Failure) {
    return "\(try selection.tasks(of: plan(), states: states, run: run))"
  } catch { return "\(error.code.rawValue): \(error.message)" }
}

@Suite struct RetrySelections {
  @Test func whatDidNotSucceedIsRunAgain() throws {
    #expect(try RetrySelection.unfinished.tasks(of: plan(), states: states, run: run) == ["sum", "publish"])
  }

  @Test func whatHasNoStateNeverRanAndIsRun() throws {
    #expect(
      try RetrySelection.unfinished.tasks(of: plan(), states: ["fetch": .cancelled], run: run)
        == ["fetch", "sum", "publish", "log"])
  }

  @Test func fromTakesATaskAndAllThatDependsOnIt() throws {
    #expect(try RetrySelection.from("sum").tasks(of: plan(), states: states, run: run) == ["sum", "publish"])
    #expect(
      try RetrySelection.from("fetch").tasks(of: plan(), states: states, run: run) == [
        "fetch", "sum", "publish", "log",
      ])
  }

  @Test func onlyTakesOneTask() throws {
    #expect(try RetrySelection.only("fetch").tasks(of: plan(), states: states, run: run) == ["fetch"])
  }

  @Test func aRunOfSuccessesHasNothingToRun() {
    let all = states.mapValues { _ in TaskState.succeeded }
    #expect(
      message(.unfinished, all)
        == "usage: every task has succeeded; name one to run again: --from TASK or --only TASK")
  }

  @Test func anUnknownTaskIsAnsweredWithTheNearest() {
    #expect(message(.from("publsh"), states) == "not_found: has no task 'publsh'; did you mean 'publish'?")
    #expect(message(.only("x"), states) == "not_found: has no task 'x'")
  }

  @Test func aTaskWhoseNeedStaysFailedIsNotTriedInVain() {
    #expect(
      message(.only("publish"), states)
        == "usage: task 'publish' cannot run: its need 'sum' is failed; use --from sum")
  }

  @Test func aTaskThatRunsHoweverItsNeedsEndedMayBeRetriedAlone() throws {
    let failed: [String: TaskState] = ["fetch": .failed, "sum": .upstreamFailed, "publish": .upstreamFailed]
    #expect(try RetrySelection.only("log").tasks(of: plan(), states: failed, run: run) == ["log"])
    let tolerant = plan { $0.tasks[0].continueOnError = true }
    #expect(try RetrySelection.only("sum").tasks(of: tolerant, states: failed, run: run) == ["sum"])
  }
}

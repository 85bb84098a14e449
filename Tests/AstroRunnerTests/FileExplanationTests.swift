import AstroCore
import AstroSpool
import Testing

@testable import AstroRunner

private let now = Timestamp(rfc3339: "2026-11-24T02:00:00Z")!

private func explain(
  _ sight: FileSituation.Sight, _ change: (inout FileSituation) -> Void = { _ in }
) -> FileExplanation {
  var situation = FileSituation(file: "a.yaml", sight: sight, mostActive: 2, now: now)
  change(&situation)
  return FileExplanation(situation)
}

private func texts(_ explanation: FileExplanation) -> [String] { explanation.causes.map { $0.sentence(at: now) } }

@Suite struct FileExplanations {
  @Test func aWholeFileWithNothingInItsWayIsNext() {
    let explanation = explain(.complete(notBefore: nil))
    #expect(explanation.causes == [.next])
    #expect(explanation.earliest == now)
  }

  @Test func aLimitSaysWhatIsUsedAndWhenItOpens() {
    let explanation = explain(.complete(notBefore: nil)) {
      $0.limit = LimitVerdict(
        limiter: "workflow_creation", key: "ann", allowed: false, limit: 20, remaining: 0, resetAt: now,
        retryAfter: .seconds(12))
    }
    #expect(
      texts(explanation) == [
        "limit workflow_creation of ann: 20 of 20 used, opens for it at 2026-11-24T02:00:12.000Z, in 12s"
      ])
    #expect(explanation.earliest == now + .seconds(12))
  }

  @Test func notBeforeCountsWhileItIsAhead() {
    #expect(texts(explain(.complete(notBefore: now + .seconds(60)))) == ["not_before: 2026-11-24T02:01:00.000Z, in 1m"])
    #expect(explain(.complete(notBefore: now + .seconds(-1))).causes == [.next])
  }

  @Test func tooManyActiveRunsAreCounted() {
    let explanation = explain(.complete(notBefore: nil)) {
      $0.active = 2
      $0.held = 1
    }
    #expect(texts(explanation) == ["max_active_workflows: 2 of 2 runs are active, 1 of them held"])
    #expect(explanation.earliest == nil)
  }

  @Test func aFileBeingWrittenHasNoTime() {
    let explanation = explain(.notYet(.beingWritten, until: now + .seconds(1)))
    #expect(texts(explanation) == ["being written: a process holds it open for writing"])
    #expect(explanation.earliest == nil)
  }

  @Test func aMissingNewlineSaysWhenItIsRejected() {
    let explanation = explain(.notYet(.noFinalNewline, until: now + .seconds(5)))
    #expect(
      texts(explanation) == [
        "no newline at its end, so it may be a cut-off copy; rejected at 2026-11-24T02:00:05.000Z, in 5s"
      ])
  }

  @Test func withoutARunnerItSaysWhatToStart() {
    let explanation = explain(.complete(notBefore: nil)) { $0.hasRunner = false }
    #expect(texts(explanation) == ["no runner works on this home: start astro watch or astro drain"])
    #expect(explanation.earliest == nil)
  }

  @Test func mistakesSayThatItWillBeRejected() {
    let errors = [
      Diagnostic(code: "x", message: "unknown key 'runn'", file: "a.yaml"),
      Diagnostic(code: "y", message: "no tasks", file: "a.yaml"),
    ]
    #expect(texts(explain(.refused(errors))) == ["will be rejected: unknown key 'runn' (and 1 more)"])
  }

  @Test func anIgnoredNameNeedsNoRunner() {
    let explanation = explain(.ignored) { $0.hasRunner = false }
    #expect(explanation.causes == [.ignored])
  }
}

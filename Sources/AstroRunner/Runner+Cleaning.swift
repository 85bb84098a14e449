import AstroConfiguration
import AstroCore
import AstroJournal
import AstroSpool
import Logging

extension Runner {
  private static let cleaningInterval = Duration.seconds(86_400)
  /// Names removed in one turn: some 20 ms of work, in which no event waits long.
  private static let cleaningBudget = 2000
  private static let cleaningMark = "cleaned_at"

  /// Begins the daily removal of old runs when nobody has begun it for a day. Stamped before it begins, so that of several
  /// runners one does it; a crash in it costs a day, since the next pass finds what this one left.
  /// - Returns: whether there is some of it to do.
  func beginCleaning() throws(Failure) -> Bool {
    if cleaning != nil { return true }
    let now = clock.now()
    guard options.mode != .single, stopping == .no, now.boot >= nextCleaning else { return false }
    nextCleaning = now.boot + Self.cleaningInterval.microseconds
    if let left = try wait(for: journal.read { try $0.meta(Self.cleaningMark) }, at: now.wall) {
      nextCleaning = now.boot + left.microseconds
      return false
    }
    let isOurs = try journal.commit { transaction in
      guard try wait(for: transaction.reading.meta(Self.cleaningMark), at: now.wall) == nil else { return false }
      try transaction.set(meta: Self.cleaningMark, to: now.wall.rfc3339)
      return true
    }
    guard isOurs else { return false }
    do throws(Failure) {
      cleaning = try Cleaning(
        journal: journal, spool: spool, runs: home.runs, retention: Retention(configuration.system))
    } catch {
      // Housekeeping stops nobody's work.
      log.error("Old runs cannot be removed", error: error)
    }
    return cleaning != nil
  }

  /// How long ago is not long enough; `nil` when the pass is due. A stamp of the future, from before a step of the clock,
  /// does not count.
  private func wait(for stamp: String?, at now: Timestamp) -> Duration? {
    guard let last = stamp.flatMap({ Timestamp(rfc3339: $0) }) else { return nil }
    let age = now - last
    return age >= .zero && age < Self.cleaningInterval ? Self.cleaningInterval - age : nil
  }

  /// Does a part of the removal that is under way.
  func continueCleaning() throws(Failure) {
    guard let cleaning else { return }
    do throws(Failure) {
      guard try cleaning.step(atMost: Self.cleaningBudget) else { return }
    } catch  where error.subject != journal.path {
      // Only the journal's own errors stop the runner.
      log.error("Old runs cannot be removed", error: error)
    }
    self.cleaning = nil
    tell(cleaning.summary)
  }

  private func tell(_ summary: Cleaning.Summary) {
    for failure in summary.removed.leftovers { log.warning("Cannot be removed", metadata: ["error": "\(failure)"]) }
    if let first = summary.unexplained.first {
      log.warning(
        "Runs kept that the journal does not know",
        metadata: ["workflow_id": .string(first.text), "runs": .stringConvertible(summary.unexplained.count)])
    }
    guard !summary.runs.isEmpty || !summary.orphans.isEmpty else { return }
    log.info(
      "Old runs removed",
      metadata: [
        "runs": .stringConvertible(summary.runs.count), "orphans": .stringConvertible(summary.orphans.count),
        "bytes": .stringConvertible(summary.removed.bytes),
      ])
  }
}

public import AstroCore
public import AstroJournal
public import AstroSpool

/// One checked file on its way into the spool.
public struct Submission: Sendable {
  /// Minted here: the run gets exactly this one.
  public let id: WorkflowID
  public let workflow: CheckedWorkflow
  let bytes: [UInt8]
  let params: [String: String]
  let submittedAt: Timestamp

  public init(_ workflow: CheckedWorkflow, bytes: [UInt8], params: [String: String], at now: Timestamp) {
    id = .mint(name: workflow.name, at: now)
    self.workflow = workflow
    self.bytes = bytes
    self.params = params
    submittedAt = now
  }

  public var fileName: FileName { workflow.format.fileName(of: id) }

  /// In the spool a file without its last newline could be a cut-off copy; here it is known to be whole.
  private var content: [UInt8] { bytes.last == 0x0A ? bytes : bytes + [0x0A] }

  private var record: SubmissionRecord {
    SubmissionRecord(id: id.text, params: params, user: workflow.user, createdAt: submittedAt)
  }

  /// Places all of them, or none: the parameters are in the journal before a runner can see the first file, and taken
  /// out again when the files cannot be placed. Durable on return. A crash leaves rows without a file, which nobody
  /// asks for, and never a file without its row.
  /// - Returns: those that are in the spool; on failure the ones a runner had taken before they could be taken back.
  public static func place(
    _ submissions: [Submission], in spool: String, _ journal: Journal
  ) -> (placed: [Submission], failure: Failure?) {
    do throws(Failure) {
      let deposit = try Deposit(into: spool)
      for submission in submissions { try deposit.add(submission.content, as: submission.fileName) }
      try journal.commit { for submission in submissions { try $0.put(submission: submission.record) } }
      do throws(Failure) {
        try deposit.place()
        return (submissions, nil)
      } catch {
        let placed = submissions.filter { deposit.placed.contains($0.fileName) }
        let lost = submissions.filter { !deposit.placed.contains($0.fileName) }
        try journal.commit { for submission in lost { _ = try $0.take(submission: submission.id.text) } }
        return (placed, error)
      }
    } catch {
      return ([], error)
    }
  }
}

import AstroCore
import AstroSpool

/// A file that has been read and checked, on its way to becoming a run.
struct Admission {
  var format: SubmissionFormat
  /// The name it had in the spool, as bytes and as shown.
  var file: [UInt8]
  var shownFile: String
  var bytes: [UInt8]
  var sha256: String
  var submittedAt: Timestamp
  var user: String
  /// Whose file it is.
  var submitter: UInt32
  var name: String
  /// Minted by `astro submit`, with the parameters it stored under it.
  var submission: WorkflowID?
  var params: [String: JSONValue] = [:]
  /// `nil` when the file is refused, for the reasons in ``errors``.
  var plan: WorkflowPlan?
  var errors: [Diagnostic] = []
  var warnings: [Diagnostic] = []

  var isRefused: Bool { plan == nil }
}

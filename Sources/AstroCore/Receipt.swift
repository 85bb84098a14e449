/// What lies beside a file in its final place, as `<workflow_id>.receipt.json`.
public struct Receipt: Sendable, Equatable {
  public var workflow: WorkflowID
  /// The name it had in `spool/`, made printable.
  public var file: String
  public var name: String
  public var user: String
  public var status: RunState
  public var submittedAt: Timestamp
  public var claimedAt: Timestamp
  public var finishedAt: Timestamp
  /// Lower-case hexadecimal SHA-256 of the submitted bytes; empty when they were never read.
  public var sha256: String
  public var rateLimit: LimitVerdict?
  public var errors: [Diagnostic]

  public init(
    workflow: WorkflowID, file: String, name: String, user: String, status: RunState, submittedAt: Timestamp,
    claimedAt: Timestamp, finishedAt: Timestamp, sha256: String, rateLimit: LimitVerdict? = nil,
    errors: [Diagnostic] = []
  ) {
    self.workflow = workflow
    self.file = file
    self.name = name
    self.user = user
    self.status = status
    self.submittedAt = submittedAt
    self.claimedAt = claimedAt
    self.finishedAt = finishedAt
    self.sha256 = sha256
    self.rateLimit = rateLimit
    self.errors = errors
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("workflow_id", workflow.text)
    writer.member("file", file)
    writer.member("name", name)
    writer.member("user_id", user)
    writer.member("status", status.rawValue)
    writer.member("submitted_at", submittedAt.rfc3339)
    writer.member("claimed_at", claimedAt.rfc3339)
    writer.member("finished_at", finishedAt.rfc3339)
    writer.member("sha256", sha256)
    if let rateLimit {
      writer.key("rate_limit")
      writer.beginObject()
      writer.member("limiter", rateLimit.limiter)
      writer.member("key", rateLimit.key)
      writer.member("limit", rateLimit.toldLimit.map(JSONValue.integer) ?? .null)
      writer.member("remaining", rateLimit.toldLimit.map { _ in JSONValue.integer(rateLimit.remaining) } ?? .null)
      writer.member("reset_at", rateLimit.resetAt.rfc3339)
      writer.endObject()
    }
    writer.key("errors")
    writer.beginArray()
    for error in errors { error.write(to: &writer) }
    writer.endArray()
    writer.endObject()
  }
}

extension Diagnostic {
  /// The machine form: the same value that is rendered for people.
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("severity", severity.rawValue)
    writer.member("file", file)
    writer.member("line", line)
    writer.member("column", column)
    writer.member("code", code)
    writer.member("message", message)
    writer.member("hint", ifPresent: hint)
    writer.endObject()
  }
}

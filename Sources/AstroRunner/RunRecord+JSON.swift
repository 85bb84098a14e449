public import AstroCore
public import AstroJournal

extension RunRecord {
  /// One line of a list of runs.
  public func writeSummary(to writer: inout JSONWriter) {
    writer.beginObject()
    writeMembers(to: &writer)
    writer.endObject()
  }

  public func writeMembers(to writer: inout JSONWriter) {
    writer.member("workflow_id", id.text)
    writer.member("name", name)
    writer.member("user_id", user)
    writer.member("state", state.rawValue)
    writer.member("reason", ifPresent: reason)
    writer.member("priority", priority)
    writer.member("submitted_at", submittedAt.rfc3339)
    writer.member("claimed_at", claimedAt.rfc3339)
    writer.member("started_at", ifPresent: startedAt?.rfc3339)
    writer.member("finished_at", ifPresent: finishedAt?.rfc3339)
    if let duration { writer.member("duration_ms", duration.milliseconds) }
  }
}

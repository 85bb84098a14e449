public import AstroCore

/// What a rebuild of the journal restored, from where, and what it could not.
public struct RebuildReport: Sendable {
  public struct Run: Sendable {
    public var id: WorkflowID
    public var state: RunState
    public var witnesses: [String]
    /// What is not as it was, or not known.
    public var notes: [String]
  }

  /// What was wrong with the old journal.
  public var flaw: String
  /// Where it lies now; empty when there was none.
  public var setAside = ""
  public var runs: [Run] = []
  /// Files in `active/` that were claimed just before a crash: the next runner takes them.
  public var waiting: [String] = []
  /// How many counters and rows of histograms go on, and from where.
  public var counters: [String: Int] = [:]
  /// Limits that are taken for used up, by limiter and key.
  public var exhausted: [String] = []
  /// What could not be restored, a sentence each.
  public var missing: [String] = []
  /// A rebuild that had not come to its end was finished; what it did is in `report.json` of ``setAside``.
  public var isFinishing = false

  public func count(where holds: (RunState) -> Bool) -> Int { runs.count { holds($0.state) } }

  public var json: [UInt8] {
    var writer = JSONWriter(reserving: 1024 + runs.count * 128)
    write(to: &writer)
    writer.newline()
    return writer.bytes
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("damage", flaw)
    writer.member("finished_earlier_rebuild", isFinishing)
    if !setAside.isEmpty { writer.member("set_aside", setAside) }
    writer.key("runs")
    writer.beginArray()
    for run in runs {
      writer.beginObject()
      writer.member("workflow_id", run.id.text)
      writer.member("state", run.state.rawValue)
      writer.member("from", .list(run.witnesses.map { .string($0) }))
      writer.member("notes", .list(run.notes.map { .string($0) }))
      writer.endObject()
    }
    writer.endArray()
    writer.member("left_for_the_next_runner", .list(waiting.map { .string($0) }))
    writer.member("counters", .map(counters.mapValues { .integer(Int64($0)) }))
    writer.member("limits_taken_as_used_up", .list(exhausted.map { .string($0) }))
    writer.member("not_restored", .list(missing.map { .string($0) }))
    writer.endObject()
  }
}

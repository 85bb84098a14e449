public import AstroCore
public import AstroSpool

/// A file in the spool, with what holds it there.
public struct WaitingFile: Sendable {
  public let sight: SpoolGlance.Sight
  /// The run it was announced as by `astro submit`.
  public let submission: WorkflowID?
  /// Whose limits it counts against.
  public let user: String
  public let priority: Int
  public internal(set) var hold: Hold

  /// Why no runner has taken a file yet; the first that applies.
  public enum Hold: Sendable, Equatable {
    /// A runner will refuse it; why.
    case refused(String)
    /// A runner could not take it; why.
    case stuck(String)
    /// It has to be filled first.
    case empty
    /// It may be a copy that is still going on, or was cut off.
    case noFinalNewline
    /// The workflow's own `not_before`.
    case notBefore(Timestamp)
    case limit(limiter: String, key: String, grants: String, until: Timestamp)
    /// `max_active_workflows` are active.
    case noRoom(Int)
    case noRunner
    /// Nothing: it is about to be taken.
    case none
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("file", sight.name.printable)
    writer.member("workflow_id", ifPresent: submission?.text)
    writer.member("user_id", user)
    writer.member("priority", priority)
    writer.member("size_bytes", sight.size)
    writer.member("since", sight.modifiedAt.rfc3339)
    writer.member("held_by", hold.code)
    writer.member("reason", hold.reason)
    writer.member("until", ifPresent: hold.until?.rfc3339)
    writer.endObject()
  }
}

extension WaitingFile.Hold {
  /// A stable word for programs, the same as ``FileExplanation/Cause/code``.
  public var code: String {
    switch self {
    case .refused: "refused"
    case .stuck: "stuck"
    case .empty: "empty"
    case .noFinalNewline: "no_final_newline"
    case .notBefore: "not_before"
    case .limit: "limit"
    case .noRoom: "max_active_workflows"
    case .noRunner: "no_runner"
    case .none: "next"
    }
  }

  /// When it ends by itself; `nil` when that is not known.
  public var until: Timestamp? {
    switch self {
    case .notBefore(let time): time
    case .limit(_, _, _, let until): until
    case .refused, .stuck, .empty, .noFinalNewline, .noRoom, .noRunner, .none: nil
    }
  }

  /// For people, without the time.
  public var reason: String {
    switch self {
    case .refused(let why): "will be rejected: \(why)"
    case .stuck(let why): "it cannot be taken: \(why)"
    case .empty: "it is empty"
    case .noFinalNewline: "it does not end in a newline: it may still be being written"
    case .notBefore: "its not_before"
    case .limit(let limiter, let key, let grants, _): "limit \(limiter) of \(key), \(grants)"
    case .noRoom(let most): "max_active_workflows: \(most) are active"
    case .noRunner: "neither astro watch nor astro drain is running"
    case .none: "about to be taken"
    }
  }
}

/// An operational error: what could not be done, to what, and what the kernel said. (What a user wrote wrong is a
/// ``Diagnostic`` instead; the two are never mixed.)
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
  /// The error sets are open: compare with the static members.
  public struct Code: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let usage = Code(rawValue: "usage")
    public static let notFound = Code(rawValue: "not_found")
    public static let unavailable = Code(rawValue: "unavailable")
    public static let cannotCreate = Code(rawValue: "cannot_create")
    public static let tryLater = Code(rawValue: "try_later")
    public static let configuration = Code(rawValue: "configuration")
    public static let invalidWorkflow = Code(rawValue: "invalid_workflow")
    public static let io = Code(rawValue: "io")
    /// An fsync failed. What was written may be lost, and a second one that succeeds would prove nothing: never retried.
    public static let notDurable = Code(rawValue: "not_durable")
    public static let noSpace = Code(rawValue: "no_space")
    public static let journal = Code(rawValue: "journal")
    /// The journal is missing or is not what was written. Nothing may be done on its word before it is mended.
    public static let journalDamaged = Code(rawValue: "journal_damaged")
    public static let limit = Code(rawValue: "limit")
    public static let interrupted = Code(rawValue: "interrupted")
  }

  public var code: Code
  /// What it happened to: a path, a run, a process.
  public var subject: String
  /// What happened, without the subject: `cannot rename into spool/active`.
  public var message: String
  /// The underlying `errno`, when there is one.
  public var errno: Int32?
  /// The kernel's words for `errno`.
  public var reason: String?

  /// - Parameter code: whatever was tried, a full disk or a used-up quota is `no_space`: it passes when somebody makes
  ///   room, and is waited for.
  public init(_ code: Code, subject: String, message: String, errno: Int32? = nil, reason: String? = nil) {
    self.code = errno == Self.noSpaceLeft || errno == Self.quotaExceeded ? .noSpace : code
    self.subject = subject
    self.message = message
    self.errno = errno
    self.reason = reason
  }

  /// ENOSPC and EDQUOT of Linux on every architecture Swift runs on (errno(3)); this room knows no libc.
  private static let noSpaceLeft: Int32 = 28
  private static let quotaExceeded: Int32 = 122

  public var description: String { "\(subject): \(message)" + (reason.map { ": \($0)" } ?? "") }
}

public import AstroCore

/// Why something in the spool will never be a workflow. It ends in `rejected/`, unopened where it is no regular file,
/// with a receipt that holds the ``diagnostic(file:)``.
public struct Refusal: Sendable, Equatable {
  public enum Reason: Hashable, Sendable {
    case symbolicLink, hardLink, fifo, socket, device
    case notAWorkflowName, controlCharacters
    case nameTooLong(bytes: Int)
    case tooLarge(bytes: Int64, limit: Int64)
    case empty(after: Duration)
    case cutOff(after: Duration)
    case unreadable
    /// Reading it failed for longer than ``SpoolRules/damageGrace``; the kernel's words.
    case damaged(String)
  }

  public let reason: Reason
  /// What was judged; ``Spool/claim(_:_:as:)`` moves nothing else.
  public let identity: FileIdentity
  public let owner: UInt32
  /// The owner's user name, or the number as text where there is none.
  public let ownerName: String
  public let modifiedAt: Timestamp

  /// The form for receipts and terminals; `file` is the printable name.
  public func diagnostic(file: String) -> Diagnostic {
    Diagnostic(code: reason.code, message: reason.message, file: file, hint: reason.hint)
  }
}

extension Refusal.Reason {
  /// A stable word for programs and for the `reason` label of `astro_rejected_total`.
  public var code: String {
    switch self {
    case .symbolicLink: "symbolic_link"
    case .hardLink: "hard_link"
    case .fifo: "fifo"
    case .socket: "socket"
    case .device: "device"
    case .notAWorkflowName: "file_type"
    case .controlCharacters: "file_name"
    case .nameTooLong: "name_too_long"
    case .tooLarge: "too_large"
    case .empty: "empty"
    case .cutOff: "cut_off"
    case .unreadable, .damaged: "unreadable"
    }
  }

  public var message: String {
    switch self {
    case .symbolicLink: "a symbolic link, not a file"
    case .hardLink: "the file has another name (a hard link) through which it could still change"
    case .fifo: "a named pipe, not a file"
    case .socket: "a socket, not a file"
    case .device: "a device, not a file"
    case .notAWorkflowName: "not the name of a workflow file"
    case .controlCharacters: "the name contains control characters"
    case .nameTooLong(let bytes): "the name is \(bytes) bytes long, \(SpoolEntry.Kind.longestName) are allowed"
    case .tooLarge(let bytes, let limit): "the file has \(bytes) bytes, \(limit) are allowed"
    case .empty(let grace): "the file is empty and was not filled within \(grace.inSeconds)"
    case .cutOff(let grace):
      "the file does not end in a newline, so it may be a cut-off copy; nothing was added within \(grace.inSeconds)"
    case .unreadable: "the runner may not read the file"
    case .damaged(let why): "the file cannot be read: \(why)"
    }
  }

  public var hint: String {
    switch self {
    case .symbolicLink, .hardLink: "copy the file instead: cp FILE spool/"
    case .fifo, .socket, .device: "only regular files are accepted"
    case .notAWorkflowName: "name it *.yaml, *.yml, *.json or *.jsonl"
    case .controlCharacters, .nameTooLong: "give it a shorter, printable name"
    case .tooLarge: "pass large data by path"
    case .empty: "submit it again with content"
    case .cutOff: "submit it again, ending in a newline, or set require_final_newline: false"
    case .unreadable: "make it readable for the runner before it is dropped: chmod a+r FILE"
    case .damaged: "submit it again; the disk may be failing"
    }
  }
}

extension Duration {
  /// `5 s`, `0.5 s`.
  fileprivate var inSeconds: String {
    microseconds % 1_000_000 == 0 ? "\(microseconds / 1_000_000) s" : "\(seconds) s"
  }
}

/// A name found in `spool/`, judged by its bytes alone: nothing has been opened yet.
public struct SpoolEntry: Hashable, Sendable {
  public let name: FileName
  public let kind: Kind

  public enum Kind: Hashable, Sendable {
    /// May be a workflow; ``Spool/look(at:)`` decides.
    case candidate(SubmissionFormat)
    /// Dot files, what editors and copiers name unfinished files, sub-directories: never touched.
    case ignored
    /// Will be refused; ``Spool/look(at:)`` says when, and what it is.
    case odd(Refusal.Reason)
  }

  public init(name: FileName) {
    self.init(name: name, kind: Kind(of: name))
  }

  init(name: FileName, kind: Kind) {
    self.name = name
    self.kind = kind
  }
}

extension SpoolEntry.Kind {
  /// The longest name that is accepted, in bytes: what is left of NAME_MAX (255) serves logs and derived names.
  static let longestName = 200

  /// The name rule of the spool. What is unfinished is recognised first, so that an editor's odd temporary name is
  /// left alone rather than rejected under its hands.
  init(of name: FileName) {
    if name.starts(with: ".") || name.ends(with: "~") || name.ends(with: ".tmp") || name.ends(with: ".part")
      || name.ends(with: ".swp") || name.ends(with: ".filepart")
    {
      self = .ignored
    } else if name.bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      self = .odd(.controlCharacters)
    } else if name.bytes.count > Self.longestName {
      self = .odd(.nameTooLong(bytes: name.bytes.count))
    } else if name.ends(with: ".yaml") || name.ends(with: ".yml") {
      self = .candidate(.yaml)
    } else if name.ends(with: ".json") {
      self = .candidate(.json)
    } else if name.ends(with: ".jsonl") {
      self = .candidate(.jsonl)
    } else {
      self = .odd(.notAWorkflowName)
    }
  }
}

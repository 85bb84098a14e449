/// The exit codes of the command (numbers of sysexits(3) where it has one).
public enum ExitCode: Int32, Sendable {
  case ok = 0
  case runFailed = 1
  case usage = 64
  case invalidWorkflow = 65
  case notFound = 66
  case unavailable = 69
  case software = 70
  /// EX_OSFILE: a file the system itself rests on is missing or wrong.
  case journalDamaged = 72
  case cannotCreate = 73
  case tryLater = 75
  case configuration = 78
  case interrupted = 130

  public init(for code: Failure.Code) {
    switch code {
    case .usage: self = .usage
    case .invalidWorkflow: self = .invalidWorkflow
    case .notFound: self = .notFound
    case .cannotCreate, .noSpace: self = .cannotCreate
    case .journalDamaged: self = .journalDamaged
    case .tryLater: self = .tryLater
    case .configuration: self = .configuration
    case .interrupted: self = .interrupted
    case .unavailable, .io, .notDurable, .journal: self = .unavailable
    default: self = .software
    }
  }
}

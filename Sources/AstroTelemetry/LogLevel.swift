public import Logging

extension Logger.Level {
  /// The level of one of the words of the configuration, in any case: `DEBUG INFO WARNING ERROR CRITICAL`. `nil` otherwise.
  public init?(word: String) {
    switch word.uppercased() {
    case "DEBUG": self = .debug
    case "INFO": self = .info
    case "WARNING": self = .warning
    case "ERROR": self = .error
    case "CRITICAL": self = .critical
    default: return nil
    }
  }

  /// The word a line shows. The log knows five levels: `trace` is shown as DEBUG, `notice` as INFO.
  public var word: StaticString {
    switch self {
    case .trace, .debug: "DEBUG"
    case .info, .notice: "INFO"
    case .warning: "WARNING"
    case .error: "ERROR"
    case .critical: "CRITICAL"
    }
  }
}

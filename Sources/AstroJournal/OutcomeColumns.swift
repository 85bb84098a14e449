import AstroCore

/// An ``AttemptOutcome`` as the columns of an attempt: one word, and the value that goes with it.
struct OutcomeColumns {
  var word: String
  var exitCode: Int32?
  var signal: Int32?
  var message: String?

  init(word: String, exitCode: Int32?, signal: Int32?, message: String?) {
    self.word = word
    self.exitCode = exitCode
    self.signal = signal
    self.message = message
  }

  init(_ outcome: AttemptOutcome) {
    self.init(word: Self.word(for: outcome), exitCode: nil, signal: nil, message: nil)
    switch outcome.status {
    case .exited(let code): exitCode = code
    case .signalled(let number): signal = number
    case nil: break
    }
    switch outcome {
    case .exited, .signalled, .timedOut, .cancelled: break
    case .outOfMemory(let reason, _), .notStarted(let reason, _), .invalidOutput(let reason), .lost(let reason):
      message = reason
    case .performed(_, let reason): message = reason
    }
  }

  /// `nil` when the columns fit no outcome.
  var outcome: AttemptOutcome? {
    switch word {
    case "exited": exitCode.map { .exited($0) }
    case "signalled": signal.map { .signalled($0) }
    case "out_of_memory": status.map { .outOfMemory(message ?? "", $0) }
    case "timed_out": .timedOut(status)
    case "cancelled": .cancelled(status)
    case "not_started": .notStarted(reason: message ?? "", infrastructure: false)
    case "no_resources": .notStarted(reason: message ?? "", infrastructure: true)
    case "invalid_output": .invalidOutput(message ?? "")
    case "lost": .lost(message ?? "")
    case Self.invalidAnswer: .performed(.invalidOutput, message)
    default: AgentEnding(rawValue: word).map { .performed($0, message) }
    }
  }

  private var status: WaitStatus? { exitCode.map { .exited($0) } ?? signal.map { .signalled($0) } }

  /// A process that broke a promise has the word of that ending.
  private static let invalidAnswer = "invalid_answer"

  private static func word(for outcome: AttemptOutcome) -> String {
    switch outcome {
    case .exited: "exited"
    case .signalled: "signalled"
    case .outOfMemory: "out_of_memory"
    case .timedOut: "timed_out"
    case .cancelled: "cancelled"
    case .notStarted(_, infrastructure: false): "not_started"
    case .notStarted(_, infrastructure: true): "no_resources"
    case .invalidOutput: "invalid_output"
    case .lost: "lost"
    case .performed(.invalidOutput, _): invalidAnswer
    case .performed(let ending, _): ending.rawValue
    }
  }
}

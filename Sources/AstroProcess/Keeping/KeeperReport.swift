import AstroCore

/// A line that a keeper says.
enum KeeperReport: Equatable {
  case started(Int32)
  case failed(SpawnFailure)
  case ended(WaitStatus)

  var line: String {
    switch self {
    case .started(let pid): "started \(pid)\n"
    case .failed(let failure): "failed \(failure.step?.rawValue ?? 0) \(failure.errno)\n"
    case .ended(.exited(let code)): "exited \(code)\n"
    case .ended(.signalled(let number)): "signalled \(number)\n"
    }
  }

  /// `nil` for what no keeper says.
  init?(_ line: some Sequence<UInt8>) {
    let words = String(decoding: Array(line), as: UTF8.self).split(separator: " ")
    let numbers = words.dropFirst().compactMap { Int32($0) }
    switch (words.first, numbers.count) {
    case ("started", 1): self = .started(numbers[0])
    case ("failed", 2): self = .failed(SpawnFailure(step: .init(rawValue: numbers[0]), errno: numbers[1]))
    case ("exited", 1): self = .ended(.exited(numbers[0]))
    case ("signalled", 1): self = .ended(.signalled(numbers[0]))
    default: return nil
    }
  }
}

/// A line that the runner says.
enum KeeperOrder {
  /// SIGTERM to the program and its group.
  static let terminate = "terminate\n"
}

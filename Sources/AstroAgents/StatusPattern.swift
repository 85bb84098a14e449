/// `200`, or `2xx`.
enum StatusPattern: Sendable, Equatable {
  case exact(Int)
  case any(of: Int)

  init?(_ text: String) {
    if text.utf8.count == 3, text.lowercased().hasSuffix("xx"), let hundreds = Int(text.prefix(1)),
      (1...5).contains(hundreds)
    {
      self = .any(of: hundreds)
    } else if let status = Int(text), (100...599).contains(status) {
      self = .exact(status)
    } else {
      return nil
    }
  }

  func matches(_ status: Int) -> Bool {
    switch self {
    case .exact(let value): status == value
    case .any(of: let hundreds): status / 100 == hundreds
    }
  }
}

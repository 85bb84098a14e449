import AstroCore

extension PerformanceResult {
  /// Without these secrets, wherever in it they are.
  func masked(_ secrets: [String]) -> PerformanceResult {
    if secrets.isEmpty { return self }
    var mask = SecretMask(secrets: secrets)
    func masked(_ text: String) -> String { String(decoding: mask.masked(text.utf8), as: UTF8.self) }
    switch self {
    case .ended(var ending):
      ending.message = ending.message.map(masked)
      ending.outputs = ending.outputs.mapValues(masked)
      ending.stdout = masked(ending.stdout)
      return .ended(ending)
    case .parked(var refusal, let next):
      if case .server(let name) = refusal.origin { refusal.origin = .server(masked(name)) }
      return .parked(refusal, next: next)
    case .held(let why, let next): return .held(masked(why), next: next)
    case .lost(let why): return .lost(masked(why))
    }
  }
}

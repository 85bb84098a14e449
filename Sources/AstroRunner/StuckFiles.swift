import AstroCore
public import AstroSpool
import AstroTelemetry

/// Files in the spool that a runner could not take, as it wrote them into the health file: only it knows what the kernel
/// told it.
public struct StuckFiles {
  /// Of the details of the check about the spool.
  static let member = "stuck"
  /// More are only counted.
  private static let most = 100

  /// Why not, by printable name.
  private let reasons: [String: JSONValue]

  init(_ stuck: [FileName: Failure]) {
    let first = stuck.sorted { $0.key < $1.key }.prefix(Self.most)
    reasons = Dictionary(
      first.map { ($0.key.printable, .string(Self.reason(of: $0.value))) }, uniquingKeysWith: { $1 })
  }

  static func reason(of failure: Failure) -> String { failure.reason ?? failure.message }

  /// As told last; none where no runner has told anything.
  public init(healthFile path: String) {
    let spool = HealthProbe(reading: path).check("spool")
    if case .map(let details)? = spool["details"], case .map(let reasons)? = details[Self.member] {
      self.reasons = reasons
    } else {
      reasons = [:]
    }
  }

  var json: JSONValue { .map(reasons) }

  /// `nil` for one that is not stuck.
  public func reason(of name: FileName) -> String? {
    if case .string(let reason)? = reasons[name.printable] { reason } else { nil }
  }
}

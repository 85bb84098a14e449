/// Where requests may go. Workflows are written by many people, while the runner stands in the middle of a network that
/// trusts it: so what is not on the public Internet is closed unless the administrator opens it.
///
/// It is decided on the addresses a name stands for, and the connection is made to exactly the address that was looked
/// at, so that a name that changes between the two gains nothing (DNS rebinding).
public enum AddressPolicy: Sendable {
  /// The administrator chose the host: a model's `base_url`, a server of tools.
  case allowAll
  /// Public addresses, and what these patterns name.
  case publicOnly(allowing: [HostPattern])

  /// What is wrong with one address of the host, or `nil`.
  func refusal(of address: IPAddress, for url: HTTPURL) -> HTTPFailure.Cause? {
    guard case .publicOnly(let patterns) = self, let kind = SpecialAddress.kind(of: address),
      !patterns.contains(where: { $0.matches(address, of: url) })
    else { return nil }
    return .denied(address: address.description, kind: kind)
  }

  /// The host may be reached whatever it stands for.
  func opens(_ url: HTTPURL) -> Bool {
    switch self {
    case .allowAll: true
    case .publicOnly(let patterns): patterns.contains { $0.matches(url) }
    }
  }
}

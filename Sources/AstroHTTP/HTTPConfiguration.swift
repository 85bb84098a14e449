/// What is the same for all requests of one agent.
public struct HTTPConfiguration: Sendable {
  public var addresses: AddressPolicy
  public var proxies: ProxyRules
  /// A file of certificates in PEM that are trusted besides the system's.
  public var authorities: String?
  /// Sent with every request that does not set them itself.
  public var headers: [(name: String, value: String)]

  public init(
    addresses: AddressPolicy = .allowAll, proxies: ProxyRules = .none, authorities: String? = nil,
    headers: [(name: String, value: String)] = []
  ) {
    self.addresses = addresses
    self.proxies = proxies
    self.authorities = authorities
    self.headers = headers
  }
}

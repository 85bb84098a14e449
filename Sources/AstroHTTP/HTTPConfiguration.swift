/// What is the same for all requests of one agent. Header fields are not: an agent's own, which may hold its key, must not
/// follow a redirect to another server.
public struct HTTPConfiguration: Sendable {
  public var addresses: AddressPolicy
  public var proxies: ProxyRules
  /// A file of certificates in PEM that are trusted besides the system's.
  public var authorities: String?

  public init(
    addresses: AddressPolicy = .allowAll, proxies: ProxyRules = .none, authorities: String? = nil
  ) {
    self.addresses = addresses
    self.proxies = proxies
    self.authorities = authorities
  }
}

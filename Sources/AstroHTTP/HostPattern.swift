/// Names hosts in lists of them: `allow_hosts`, `NO_PROXY`.
public struct HostPattern: Sendable, Hashable {
  enum Hosts: Hashable {
    case any
    case exact(HTTPURL.Host)
    /// The names below, without a dot at the front.
    case below(String)
    case network(IPNetwork)
  }

  var hosts: Hosts
  /// `nil`: every port.
  var port: Int?

  /// - Parameter text: `example.com`, `*.example.com` (the names below it), `10.0.0.0/8`, `192.0.2.1`, `[fd00::1]`, each
  ///   with `:port` or without. `nil` when it is none of these.
  public init?(_ text: String) {
    if let network = IPNetwork(text) {
      self.init(hosts: .network(network), port: nil)
      return
    }
    if let address = IPAddress(text) {  // IPv6 without brackets, whose colons are no ports
      self.init(hosts: .exact(.address(address)), port: nil)
      return
    }
    var host = text[...]
    var port: Int?
    if let colon = text.utf8.lastIndex(of: 0x3A), !text.utf8[colon...].contains(0x5D) {
      guard let number = HTTPURL.port(text[text.utf8.index(after: colon)...]) else { return nil }
      (host, port) = (text[..<colon], number)
    }
    if let network = IPNetwork(String(host)) {
      self.init(hosts: .network(network), port: port)
    } else if host.utf8.starts(with: "*.".utf8) {
      guard case .name(let name)? = try? HTTPURL.Host(String(host.dropFirst(2))) else { return nil }
      self.init(hosts: .below(name), port: port)
    } else {
      guard let exact = try? HTTPURL.Host(String(host)) else { return nil }
      self.init(hosts: .exact(exact), port: port)
    }
  }

  init(hosts: Hosts, port: Int?) {
    self.hosts = hosts
    self.port = port
  }

  /// Whether it names the host of a URL as it stands there, before anything is resolved.
  func matches(_ url: HTTPURL) -> Bool {
    guard port == nil || port == url.port else { return false }
    switch (hosts, url.host) {
    case (.any, _): return true
    case (.exact(let host), _): return host == url.host
    case (.below(let suffix), .name(let name)): return name.hasSuffix("." + suffix)
    case (.network(let network), .address(let address)): return network.contains(address)
    case (.below, .address), (.network, .name): return false
    }
  }

  /// Whether it names an address that the host of `url` stands for.
  func matches(_ address: IPAddress, of url: HTTPURL) -> Bool {
    guard port == nil || port == url.port else { return false }
    switch hosts {
    case .any: return true
    case .exact(let host): return host == .address(address)
    case .network(let network): return network.contains(address)
    case .below: return false
    }
  }
}

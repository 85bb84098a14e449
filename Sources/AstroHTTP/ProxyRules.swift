public import AstroCore

/// Which proxy leads to which server, from the variables that curl, Python and Go read: `http_proxy`, `https_proxy`,
/// `all_proxy` and `no_proxy`, in lower case or, where that is not set, in upper case.
public struct ProxyRules: Sendable {
  private var http: Proxy?
  private var https: Proxy?
  /// What is reached without one.
  private var exceptions: [HostPattern] = []

  /// No proxy at all.
  public static let none = ProxyRules()

  private init() {}

  /// Throws `configuration` when a variable holds no proxy: to go without one would be a way nobody meant.
  public init(environment: [String: String]) throws(Failure) {
    let all = try Self.proxy("all_proxy", environment)
    http = try Self.proxy("http_proxy", environment) ?? all
    https = try Self.proxy("https_proxy", environment) ?? all
    if http == nil, https == nil { return }
    let list = Self.variable("no_proxy", environment)?.value ?? ""
    exceptions = list.split { $0 == "," || $0.isWhitespace }.flatMap { Self.patterns(String($0)) }
  }

  /// The way to the server of a URL: `nil` is the straight one, which also everything on this machine takes.
  func proxy(for url: HTTPURL) -> Proxy? {
    guard let proxy = url.scheme == .http ? http : https, !url.host.isThisMachine,
      !exceptions.contains(where: { $0.matches(url) })
    else { return nil }
    return proxy
  }

  private static func variable(_ name: String, _ environment: [String: String]) -> (name: String, value: String)? {
    for name in [name, name.uppercased()] {
      if let value = environment[name], !value.isEmpty { return (name, value) }
    }
    return nil
  }

  private static func proxy(_ name: String, _ environment: [String: String]) throws(Failure) -> Proxy? {
    guard let (name, value) = variable(name, environment) else { return nil }
    do throws(HTTPURL.Malformed) {
      return try Proxy(value)
    } catch {
      // The value itself is not shown: it may hold a password.
      throw Failure(.configuration, subject: name, message: "is no proxy: \(error.message)")
    }
  }

  /// A bare name stands for itself and all names below it, with a dot at the front or without, as in curl. What is no host
  /// at all matches nothing.
  private static func patterns(_ text: String) -> [HostPattern] {
    if text == "*" { return [HostPattern(hosts: .any, port: nil)] }
    let bare = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text.hasPrefix(".") ? String(text.dropFirst()) : text
    guard let pattern = HostPattern(bare) else { return [] }
    guard case .exact(.name(let name)) = pattern.hosts else { return [pattern] }
    return [pattern, HostPattern(hosts: .below(name), port: pattern.port)]
  }
}

extension HTTPURL.Host {
  fileprivate var isThisMachine: Bool {
    switch self {
    case .name(let name): name == "localhost" || name.hasSuffix(".localhost")
    case .address(let address): SpecialAddress.kind(of: address) == "a loopback address"
    }
  }
}

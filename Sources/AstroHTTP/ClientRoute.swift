import AsyncHTTPClient

/// What must be the same for requests to share connections. The library settles these for a whole client, not for a request.
struct ClientRoute: Hashable {
  enum Way: Hashable {
    case direct
    /// Through a tunnel that the proxy opens.
    case tunnel(Proxy)
    /// The connections are the proxy's own, and requests are in absolute form.
    case forward(Proxy)

    init(_ proxy: Proxy?, for url: HTTPURL) {
      switch proxy {
      case nil: self = .direct
      case let proxy? where proxy.kind == .http && url.scheme == .http: self = .forward(proxy)
      case let proxy?: self = .tunnel(proxy)
      }
    }
  }

  /// The one address that stands for a name, so that nothing is resolved a second time.
  struct Pin: Hashable {
    var name: String
    var address: IPAddress
  }

  var way: Way
  var connect: Duration
  var pin: Pin?
}

extension Proxy {
  var inLibrary: HTTPClient.Configuration.Proxy {
    switch kind {
    case .socks: .socksServer(host: host, port: port)
    case .http: .server(host: host, port: port, authorization: credentials.map { .basic(credentials: $0) })
    }
  }
}

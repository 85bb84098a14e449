public import AstroCore
import AsyncHTTPClient
import NIOPosix
import NIOSSL

/// HTTP/1.1 over async-http-client, with connections that are kept for the next request. Nothing is started before the first
/// one; one thread serves every pool of the process. It must be created, or at the latest used first, where the signals
/// that the process reads from a descriptor are blocked: threads inherit that.
///
/// To a host that ``AddressPolicy`` does not open by name, the connection is made to one of the very addresses that were
/// looked at, also through a proxy; name and certificate stay those of the URL.
public final class HTTPClientPool: HTTPTransport {
  private let configuration: HTTPConfiguration
  private let resolver: any NameResolver
  private let shelf: ClientShelf

  /// Throws `configuration` when the file of certificates holds none.
  public convenience init(_ configuration: HTTPConfiguration = HTTPConfiguration()) throws(Failure) {
    try self.init(configuration, resolver: SystemResolver(), keeping: Self.keeping)
  }

  /// Below the 5 s after which common servers (uvicorn, Node.js) close an unused connection: a request must not meet that.
  private static let keeping = Duration.seconds(4)

  init(
    _ configuration: HTTPConfiguration = HTTPConfiguration(), resolver: any NameResolver = SystemResolver(),
    keeping: Duration = keeping
  ) throws(Failure) {
    self.configuration = configuration
    self.resolver = resolver
    var tls = TLSConfiguration.makeClientConfiguration()
    if let path = configuration.authorities {
      do {
        tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(path))]
      } catch {
        throw Failure(.configuration, subject: path, message: "cannot be read, or holds no certificate in PEM")
      }
    }
    shelf = ClientShelf(tls, keeping: keeping)
  }

  public func send(_ request: HTTPRequest, within timeouts: HTTPTimeouts) async throws(HTTPFailure) -> HTTPResponse {
    let url = try HTTPURL(request.url)
    let draft = try RequestDraft(request, to: url)
    let proxy = configuration.proxies.proxy(for: url)
    let straight = ClientRoute(way: .init(proxy, for: url), connect: timeouts.connect)
    if configuration.addresses.opens(url) { return try await exchange(draft, straight, timeouts) }
    switch url.host {
    case .address(let address):
      try check([address], draft)
      return try await exchange(draft, straight, timeouts)
    case .name(let name):
      let way = proxy.map { ClientRoute.Way.tunnel($0) } ?? .direct
      return try await send(draft, guarded: name, way, timeouts)
    }
  }

  public func shutdown() async { await shelf.shutdown() }

  /// To the addresses of a guarded name, one after the other until one can be reached.
  private func send(
    _ draft: RequestDraft, guarded name: String, _ way: ClientRoute.Way, _ timeouts: HTTPTimeouts
  ) async throws(HTTPFailure) -> HTTPResponse {
    let start = ContinuousClock.now
    var rest = timeouts
    var failure = HTTPFailure(.resolution("no address is known for it"), url: draft.shown)
    for address in try await openAddresses(of: name, draft, timeouts).prefix(Self.mostAddresses) {
      rest.spent = timeouts.spent + (ContinuousClock.now - start)
      let pin = ClientRoute.Pin(name: name, address: address)
      do throws(HTTPFailure) {
        return try await exchange(draft, ClientRoute(way: way, connect: timeouts.connect, pin: pin), rest)
      } catch {
        guard case .connect = error.cause, ContinuousClock.now - start < timeouts.connect else { throw error }
        failure = error
      }
    }
    throw failure
  }

  /// A name with more addresses has them for its load, not for networks that lack IPv6.
  private static let mostAddresses = 4

  private func openAddresses(
    of name: String, _ draft: RequestDraft, _ timeouts: HTTPTimeouts
  ) async throws(HTTPFailure) -> [IPAddress] {
    let addresses: [IPAddress]
    do throws(ResolutionProblem) {
      addresses = try await resolver.addresses(of: name, within: min(timeouts.connect, timeouts.total))
    } catch {
      throw HTTPFailure(.init(error, limit: timeouts.connect), url: draft.shown)
    }
    try check(addresses, draft)
    return addresses
  }

  /// All of them must be open: which one another resolver would have taken, nobody knows.
  private func check(_ addresses: [IPAddress], _ draft: RequestDraft) throws(HTTPFailure) {
    for address in addresses {
      if let refusal = configuration.addresses.refusal(of: address, for: draft.url) {
        throw HTTPFailure(refusal, url: draft.shown)
      }
    }
  }

  private func exchange(
    _ draft: RequestDraft, _ route: ClientRoute, _ timeouts: HTTPTimeouts
  ) async throws(HTTPFailure) -> HTTPResponse {
    guard let lease = shelf.lease(route) else { throw HTTPFailure(.shutDown, url: draft.shown) }
    let request = try draft.request(by: route.way)
    let exchange = Exchange(url: draft.shown, timeouts: timeouts, lease: lease, loop: EventLoops.shared.any())
    let head = try await exchange.open(request)
    return HTTPResponse(status: head.status, headers: head.headers, body: HTTPBody(ExchangeBody(exchange)))
  }
}

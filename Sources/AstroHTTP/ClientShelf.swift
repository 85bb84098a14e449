import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// A client that is in use: it is not closed while somebody holds this.
final class ClientLease: Sendable {
  let client: HTTPClient
  private let shelf: ClientShelf
  private let route: ClientRoute

  init(_ client: HTTPClient, _ route: ClientRoute, _ shelf: ClientShelf) {
    self.client = client
    self.route = route
    self.shelf = shelf
  }

  deinit { shelf.giveBack(route) }
}

/// The clients of one configuration by route. A client holds its connections for some seconds and then next to nothing,
/// so that a few dozen are kept; a crawler that sees a thousand hosts closes the one unused for longest.
final class ClientShelf: Sendable {
  private struct Place {
    let client: HTTPClient
    var users = 0
    var lastUse = 0
  }

  private struct Contents {
    var places: [ClientRoute: Place] = [:]
    var uses = 0
    var isShut = false
  }

  private static let capacity = 64
  private let contents = Mutex(Contents())
  private let tls: TLSConfiguration
  private let keeping: Duration

  /// - Parameter keeping: how long a connection that nobody uses is kept.
  init(_ tls: TLSConfiguration, keeping: Duration) {
    self.tls = tls
    self.keeping = keeping
  }

  deinit {
    // The library insists on it, and nobody can be using them: a lease holds the shelf.
    for place in contents.withLock({ $0.places.values.map(\.client) }) { place.shutdown { _ in } }
  }

  /// `nil` once it is shut.
  func lease(_ route: ClientRoute) -> ClientLease? {
    let (client, surplus) = contents.withLock { contents -> (HTTPClient?, HTTPClient?) in
      guard !contents.isShut else { return (nil, nil) }
      contents.uses += 1
      var place = contents.places[route] ?? Place(client: makeClient(route))
      place.users += 1
      place.lastUse = contents.uses
      contents.places[route] = place
      return (place.client, contents.places.count > Self.capacity ? Self.removeIdle(&contents) : nil)
    }
    surplus?.shutdown { _ in }
    return client.map { ClientLease($0, route, self) }
  }

  fileprivate func giveBack(_ route: ClientRoute) { contents.withLock { $0.places[route]?.users -= 1 } }

  private static func removeIdle(_ contents: inout Contents) -> HTTPClient? {
    let idle = contents.places.filter { $0.value.users == 0 }.min { $0.value.lastUse < $1.value.lastUse }
    if let idle { contents.places[idle.key] = nil }
    return idle?.value.client
  }

  func shutdown() async {
    let clients = contents.withLock { contents in
      contents.isShut = true
      defer { contents.places = [:] }
      return contents.places.values.map(\.client)
    }
    for client in clients { try? await client.shutdown() }
  }

  private func makeClient(_ route: ClientRoute) -> HTTPClient {
    var settings = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: TimeAmount(route.connect)), decompression: .disabled)
    // One exchange a connection: ending it closes a socket and disturbs nobody else's.
    settings.httpVersion = .http1Only
    // How many there may be at once, the agent's max_concurrent says.
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 10_000
    settings.connectionPool.idleTimeout = TimeAmount(keeping)
    // A refusal is told at once; tasks have their own rule for trying again.
    settings.connectionPool.retryConnectionEstablishment = false
    // Nobody traces here, and asking for a tracer costs a twentieth of a request.
    settings.tracing.tracer = nil
    if let pin = route.pin { settings.dnsOverride = [pin.name: pin.address.description] }
    var isForward = false
    switch route.way {
    case .direct: break
    case .tunnel(let proxy): settings.proxy = proxy.inLibrary
    case .forward: isForward = true
    }
    settings.http1_1ConnectionDebugInitializer = { [isForward] in Self.shape($0, isForward: isForward) }
    return HTTPClient(eventLoopGroupProvider: .shared(EventLoops.shared), configuration: settings)
  }

  /// Puts our handlers between those of HTTP/1 and the library's own.
  private static func shape(_ channel: any Channel, isForward: Bool) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
      try pipeline.addHandler(RequestShaper(isForward: isForward), position: .after(encoder))
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      try pipeline.addHandler(BodyJoiner(), position: .after(decoder))
    }
  }
}

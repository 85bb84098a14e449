import Glibc
import NIOCore
import NIOPosix

/// Finds the addresses a name stands for.
protocol NameResolver: Sendable {
  func addresses(of name: String, within limit: Duration) async throws(ResolutionProblem) -> [IPAddress]
}

enum ResolutionProblem: Error {
  /// In the resolver's words.
  case unknown(String)
  case timeout
  case cancelled
}

/// getaddrinfo(3), so that hosts, nsswitch and search domains count as for every program of the machine. It blocks, and for
/// seconds when a server of names is down: it has threads of its own, which end with the process.
struct SystemResolver: NameResolver {
  /// So many names can hang without holding up others.
  private static let threads: NIOThreadPool = {
    let pool = NIOThreadPool(numberOfThreads: 4)
    pool.start()
    return pool
  }()

  func addresses(of name: String, within limit: Duration) async throws(ResolutionProblem) -> [IPAddress] {
    let loop = EventLoops.shared.any()
    // Whoever comes first completes it: the lookup, the timer, a cancellation. A lookup that comes later is forgotten.
    let promise = loop.makePromise(of: [IPAddress].self)
    let timer = loop.scheduleTask(in: TimeAmount(limit)) { promise.fail(ResolutionProblem.timeout) }
    Self.threads.runIfActive(eventLoop: loop) { try Self.lookUp(name) }.cascade(to: promise)
    defer { timer.cancel() }
    do {
      return try await withTaskCancellationHandler {
        try await promise.futureResult.get()
      } onCancel: {
        promise.fail(ResolutionProblem.cancelled)
      }
    } catch {
      throw error as? ResolutionProblem ?? .unknown("\(error)")
    }
  }

  private static func lookUp(_ name: String) throws(ResolutionProblem) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var first: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(name, nil, &hints, &first)
    guard result == 0 else { throw .unknown(reason(result)) }
    defer { freeaddrinfo(first) }
    return sequence(first: first, next: { $0?.pointee.ai_next }).prefix { $0 != nil }.compactMap { address($0) }
  }

  private static func reason(_ code: Int32) -> String {
    code == EAI_SYSTEM ? String(cString: strerror(errno)) : String(cString: gai_strerror(code))
  }

  private static func address(_ entry: UnsafeMutablePointer<addrinfo>?) -> IPAddress? {
    guard let entry, let raw = entry.pointee.ai_addr else { return nil }
    switch entry.pointee.ai_family {
    case AF_INET:
      return raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        .v4(UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
      }
    case AF_INET6:
      return raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { IPAddress($0.pointee.sin6_addr) }
    default: return nil
    }
  }
}

extension HTTPFailure.Cause {
  init(_ problem: ResolutionProblem, limit: Duration) {
    self =
      switch problem {
      case .unknown(let reason): .resolution(reason)
      case .timeout: .timeout(.connect, limit)
      case .cancelled: .cancelled
      }
  }
}

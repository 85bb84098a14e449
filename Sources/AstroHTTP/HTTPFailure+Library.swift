import AstroCore
import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

extension HTTPFailure.Cause {
  /// What an error of the client library means.
  /// - Parameters:
  ///   - isSent: the head of the request has been written to a connection.
  ///   - received: bytes of the body that had come; `nil` before the head of the answer.
  ///   - connect: how long a connection may take.
  init(_ error: any Error, isSent: Bool, received: Int?, connect: Duration) {
    switch error {
    case let error as HTTPFailure: self = error.cause
    case let error as HTTPClientError: self = Self.of(error, isSent, received, connect)
    case let error as HTTPParserError: self = Self.of(error, received)
    case let error as NIOConnectionError: self = Self.of(error)
    case let error as NIOSSLError: self = Self.of(error, isSent, received)
    case let error as NIOSSLExtraError: self = .tls(error.description)
    case let error as BoringSSLError: self = isSent ? .closed(received: received) : .tls(Self.words(of: error))
    case let error as IOError: self = isSent ? .closed(received: received) : .connect(Self.words(of: error))
    case ChannelError.connectTimeout: self = .timeout(.connect, connect)
    default: self = isSent ? .closed(received: received) : .connect(Terminal.printable("\(error)"))
    }
  }

  private static func of(_ error: HTTPClientError, _ isSent: Bool, _ received: Int?, _ connect: Duration) -> Self {
    switch error {
    case .connectTimeout, .tlsHandshakeTimeout, .httpProxyHandshakeTimeout, .socksHandshakeTimeout:
      .timeout(.connect, connect)
    case .remoteConnectionClosed: isSent ? .closed(received: received) : .connect("closed before the request was sent")
    case .proxyAuthenticationRequired: .proxy("it wants another user and password")
    case .invalidProxyResponse: .proxy("it refuses")
    case .cancelled, .alreadyShutdown: .shutDown
    default: isSent ? .malformed("\(error)") : .badRequest("\(error)")
    }
  }

  private static func of(_ error: HTTPParserError, _ received: Int?) -> Self {
    switch error {
    case .invalidEOFState, .closedConnection: .closed(received: received)
    case .headerOverflow: .malformed("its header fields are too long or too many")
    case .invalidContentLength, .unexpectedContentLength: .malformed("its length is no number, or is given twice")
    case .invalidChunkSize: .malformed("a chunk has no size")
    case .invalidVersion, .invalidConstant: .malformed("it does not begin with HTTP/1")
    case .invalidStatus: .malformed("its status is no number")
    case .invalidHeaderToken, .invalidCharactersUsed: .malformed("a header field has a forbidden character")
    default: .malformed("\(error)")
    }
  }

  private static func of(_ error: NIOConnectionError) -> Self {
    if let problem = error.connectionErrors.first?.error {
      return .connect((problem as? IOError).map(words) ?? Terminal.printable("\(problem)"))
    }
    return .resolution("no address is known for it")
  }

  /// The end of a connection that was encrypted is no failure of the encryption.
  private static func of(_ error: NIOSSLError, _ isSent: Bool, _ received: Int?) -> Self {
    switch error {
    case .handshakeFailed(let inner): .tls(words(of: inner))
    case .uncleanShutdown: isSent ? .closed(received: received) : .tls("the server closed the connection")
    default: isSent ? .closed(received: received) : .tls("\(error)")
    }
  }

  private static func words(of error: IOError) -> String { String(cString: strerror(error.errnoCode)) }

  /// `CERTIFICATE_VERIFY_FAILED` of `error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at …`.
  private static func words(of error: BoringSSLError) -> String {
    let text = "\(error)"
    let word = text.split(separator: ":").last {
      $0.contains("_") && $0.prefix { $0 != " " }.allSatisfy { $0.isUppercase || $0 == "_" }
    }
    guard let word else { return Terminal.printable(text) }
    return word.prefix { $0 != " " }.lowercased().split(separator: "_").joined(separator: " ")
  }
}

import NIOCore
import NIOHTTP1

/// Stands between the client library and the encoder of requests, for two things that the library does not do.
///
/// - A head and the first of its body leave in one write: the library sends the head alone first, which costs both sides a
///   system call and a packet.
/// - Plain `http` through a proxy is asked for in the absolute form (RFC 9112, 3.2.2): most proxies open tunnels to port
///   443 only. The connection is one to the proxy; the server stands in the field `Host`.
final class RequestShaper: ChannelOutboundHandler {
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  private let isForward: Bool
  /// A head has been written, and what follows it has not.
  private var isHeadAlone = false

  init(isForward: Bool) { self.isForward = isForward }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .head(var head) = unwrapOutboundIn(data) else {
      isHeadAlone = false
      return context.write(data, promise: promise)
    }
    isHeadAlone = true
    guard isForward, let host = head.headers.first(name: "host") else { return context.write(data, promise: promise) }
    head.uri = "http://\(host)\(head.uri)"
    context.write(wrapOutboundOut(.head(head)), promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    // A body begins at once, but only where there is room: a long head has to leave first.
    if isHeadAlone, context.channel.isWritable { return }
    context.flush()
  }
}

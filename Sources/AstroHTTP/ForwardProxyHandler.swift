import NIOCore
import NIOHTTP1

/// Writes requests for plain `http` in the absolute form that a proxy wants (RFC 9112, 3.2.2): most proxies open a tunnel
/// by CONNECT to port 443 only. The connection is one to the proxy; the server stands in the field `Host`.
final class ForwardProxyHandler: ChannelOutboundHandler {
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .head(var head) = unwrapOutboundIn(data), let host = head.headers.first(name: "host") else {
      return context.write(data, promise: promise)
    }
    head.uri = "http://\(host)\(head.uri)"
    context.write(wrapOutboundOut(.head(head)), promise: promise)
  }

  /// Puts one between the encoder of requests and the library's own handler.
  static func install(in channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
      try pipeline.addHandler(ForwardProxyHandler(), position: .after(encoder))
    }
  }
}

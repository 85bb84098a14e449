import NIOCore
import NIOHTTP1

/// Stands between the decoder of answers and the client library: the parts of a body that came in one read go on as one. A
/// streamed answer has a part for each word, and the library takes many steps for each part.
final class BodyJoiner: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart

  private var held: ByteBuffer?

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .body(var part) = unwrapInboundIn(data) else {
      passOn(context)
      return context.fireChannelRead(data)
    }
    if held?.writeBuffer(&part) == nil { held = part }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    passOn(context)
    context.fireChannelReadComplete()
  }

  func channelInactive(context: ChannelHandlerContext) {
    passOn(context)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    passOn(context)
    context.fireErrorCaught(error)
  }

  private func passOn(_ context: ChannelHandlerContext) {
    guard let part = held.take() else { return }
    context.fireChannelRead(wrapInboundOut(.body(part)))
  }
}

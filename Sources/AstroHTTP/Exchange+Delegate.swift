import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// What the client library tells, always on the thread of `loop`.
extension Exchange {
  func didSendRequestHead(task: HTTPClient.Task<Void>, _ head: HTTPRequestHead) {
    state.withLock { state in
      if case .opening(_, let waiter) = state.stage { state.stage = .opening(isSent: true, waiter) }
    }
    touch(.firstByte)
  }

  // A long request that is still being taken is no server that keeps silent.
  func didSendRequestPart(task: HTTPClient.Task<Void>, _ part: IOData) { touch(.firstByte) }
  func didSendRequest(task: HTTPClient.Task<Void>) { touch(.firstByte) }

  func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    let waiter: HeadWaiter? = state.withLock { state in
      guard case .opening(_, let waiter) = state.stage else { return nil }
      state.stage = .answering(Answer())
      return waiter
    }
    touch(.idle)
    let fields = HTTPFields(head.headers.map { ($0.name, $0.value) })
    // A short body has come in the same packet: once that is taken in, nobody has to wait for it.
    loop.execute { waiter?.resume(returning: .success((Int(head.status.code), fields))) }
    return loop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
    let (reader, part, held) = state.withLock { state in state.stage.receive(buffer, on: loop) }
    touch(held == nil ? .idle : nil)
    reader?.resume(returning: .success(part))
    return held?.futureResult ?? loop.makeSucceededVoidFuture()
  }

  func didReceiveError(task: HTTPClient.Task<Void>, _ error: any Error) {
    let stage = state.withLock { $0.stage }
    switch stage {
    case .opening(let isSent, _): fail(.init(error, isSent: isSent, received: nil, connect: timeouts.connect))
    case .answering(let answer):
      fail(.init(error, isSent: true, received: answer.received, connect: timeouts.connect))
    case .whole, .failed: break
    }
  }

  func didFinishRequest(task: HTTPClient.Task<Void>) {
    let reader: PartWaiter? = state.withLock { state in
      guard case .answering(let answer) = state.stage else { return nil }
      state.stage = .whole(unread: answer.unread)
      state.task = nil
      state.watch.stop()
      return answer.reader
    }
    reader?.resume(returning: .success(nil))
  }
}

extension Exchange.Stage {
  mutating func receive(
    _ buffer: ByteBuffer, on loop: any EventLoop
  ) -> (reader: Exchange.PartWaiter?, part: [UInt8], held: EventLoopPromise<Void>?) {
    guard case .answering(var answer) = self, buffer.readableBytes > 0 else { return (nil, [], nil) }
    answer.received += buffer.readableBytes
    if let reader = answer.reader.take() {
      self = .answering(answer)
      return (reader, Array(buffer.readableBytesView), nil)
    }
    answer.unread += buffer.readableBytesView
    if answer.unread.count > Exchange.readAhead { answer.held = loop.makePromise() }
    self = .answering(answer)
    return (nil, [], answer.held)
  }
}

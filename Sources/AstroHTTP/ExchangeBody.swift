/// The one reader of an exchange's body. When nobody has it any more, nobody can read on: the connection is closed.
final class ExchangeBody: HTTPBodySource {
  private let exchange: Exchange

  init(_ exchange: Exchange) { self.exchange = exchange }
  deinit { close() }

  func next() async throws(HTTPFailure) -> [UInt8]? { try await exchange.next() }
  func close() { exchange.fail(.cancelled) }
}

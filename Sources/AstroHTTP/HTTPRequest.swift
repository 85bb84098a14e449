/// One request, as it is sent.
public struct HTTPRequest: Sendable {
  public var method: String
  public var url: String
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]

  public init(
    method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

/// How long each part of an exchange may take.
public struct HTTPTimeouts: Sendable, Equatable {
  public var connect: Duration
  /// From the request sent to the head of the answer.
  public var firstByte: Duration
  /// Between two parts of the answer, while somebody waits for them.
  public var idle: Duration
  /// All of it, redirects included.
  public var total: Duration
  /// How much of ``total`` earlier steps of the same exchange have taken.
  var spent = Duration.zero

  public init(
    connect: Duration = .seconds(10), firstByte: Duration = .seconds(300), idle: Duration = .seconds(60),
    total: Duration = .seconds(600)
  ) {
    self.connect = connect
    self.firstByte = firstByte
    self.idle = idle
    self.total = total
  }
}

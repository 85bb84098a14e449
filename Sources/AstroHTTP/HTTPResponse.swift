/// The head of an answer, and its body as it comes.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var headers: HTTPFields
  public var body: HTTPBody

  public init(status: Int, headers: HTTPFields = [], body: HTTPBody = HTTPBody(parts: [])) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

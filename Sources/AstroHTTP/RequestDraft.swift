import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A request that has been checked.
struct RequestDraft {
  let url: HTTPURL
  /// The URL as it was asked for, for messages.
  let shown: String
  private let method: HTTPMethod
  private let headers: HTTPHeaders
  private let body: [UInt8]

  init(_ request: HTTPRequest, to url: HTTPURL) throws(HTTPFailure) {
    self.url = url
    shown = request.url
    guard Self.isToken(request.method), request.method != "CONNECT" else {
      throw HTTPFailure(.badRequest("'\(request.method)' is no method of HTTP"), url: request.url)
    }
    method = HTTPMethod(rawValue: request.method)
    body = request.body
    var headers = HTTPHeaders(request.headers.map { ($0.name, $0.value) })
    if !headers.contains(name: "user-agent") { headers.add(name: "user-agent", value: "astro") }
    for (name, value) in headers {
      // The value is never shown: it may be a secret.
      guard Self.isToken(name) else {
        throw HTTPFailure(.badRequest("'\(name)' is no name of a header field"), url: request.url)
      }
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        let flaw = "the header field '\(name)' has a line break or another control character"
        throw HTTPFailure(.badRequest(flaw), url: request.url)
      }
    }
    self.headers = headers
  }

  func request(by way: ClientRoute.Way) throws(HTTPFailure) -> HTTPClient.Request {
    var target = url.text
    var headers = headers
    if !headers.contains(name: "host") { headers.add(name: "host", value: url.authority) }
    if case .forward(let proxy) = way {
      target = "http://\(proxy.urlHost):\(proxy.port)\(url.target)"
      if let credentials = proxy.credentials {
        headers.replaceOrAdd(name: "proxy-authorization", value: "Basic \(credentials)")
      }
    }
    do {
      return try HTTPClient.Request(
        url: target, method: method, headers: headers,
        body: body.isEmpty ? nil : .byteBuffer(ByteBuffer(bytes: body)))
    } catch {
      throw HTTPFailure(.badRequest("\(error)"), url: shown)
    }
  }

  /// RFC 9110, 5.6.2.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || "!#$%&'*+-.^_`|~".utf8.contains($0)
      }
  }
}

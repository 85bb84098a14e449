import AstroCore

/// Why an exchange came to nothing: of which URL, and the cause.
public struct HTTPFailure: Error, Sendable, Equatable, CustomStringConvertible {
  public var cause: Cause
  /// As it may be shown: without user and password, and without its query, where keys often stand.
  public var url: String

  /// - Parameter url: as it was asked for.
  public init(_ cause: Cause, url: String) {
    self.cause = cause
    self.url = Self.shown(url)
  }

  public enum Cause: Sendable, Equatable {
    /// The request itself cannot be sent; the end of a sentence that begins with the URL.
    case badRequest(String)
    /// The address policy closes the address, or one that the name stands for; `kind` with its article.
    case denied(address: String, kind: String)
    /// The name stands for no address.
    case resolution(String)
    /// No connection: refused, no route.
    case connect(String)
    /// The proxy does not open a way to the server.
    case proxy(String)
    /// Certificate, name, version: no encrypted connection came about.
    case tls(String)
    case timeout(Part, Duration)
    /// The server closed the connection before the answer was whole. `nil` before its head, else the bytes of the body
    /// that had come.
    case closed(received: Int?)
    /// What the server sent is not HTTP; the end of a sentence that begins with `the answer is not HTTP: `.
    case malformed(String)
    case tooManyRedirects(Int)
    /// The same request would be sent again, and again.
    case redirectLoop
    /// A redirect that leads nowhere; the end of a sentence that begins with `redirects to`.
    case badRedirect(String)
    case cancelled
    case shutDown
  }

  /// What was waited for.
  public enum Part: Sendable, CaseIterable {
    case connect
    case firstByte
    case idle
    case total
  }

  public var description: String { "\(url): \(sentence)" }

  /// Without the URL.
  public var sentence: String {
    switch cause {
    case .badRequest(let why): why
    case .denied(let address, let kind): "\(address) is \(kind), which only the agent's allow_hosts can open"
    case .resolution(let why): "the name cannot be resolved: \(why)"
    case .connect(let why): "no connection: \(why)"
    case .proxy(let why): "no connection through the proxy: \(why)"
    case .tls(let why): "no encrypted connection: \(why)"
    case .timeout(.connect, let time): "no connection within \(Notation.spell(time))"
    case .timeout(.firstByte, let time): "no answer within \(Notation.spell(time))"
    case .timeout(.idle, let time): "the answer stopped coming for \(Notation.spell(time))"
    case .timeout(.total, let time): "not finished within \(Notation.spell(time))"
    case .closed(nil): "the connection was closed before an answer came"
    case .closed(let count?):
      "the connection was closed in the middle of the answer, after \(Notation.spell(bytes: Int64(count)))"
    case .malformed(let why): "the answer is not HTTP: \(why)"
    case .tooManyRedirects(let most): "redirects more than \(most) \(most == 1 ? "time" : "times")"
    case .redirectLoop: "redirects in a circle"
    case .badRedirect(let why): "redirects to \(why)"
    case .cancelled: "cancelled"
    case .shutDown: "the HTTP client is shut down"
    }
  }

  /// Nothing of the request has been sent: no server has seen it, nothing can have been charged for it, and it can be sent
  /// again.
  public var isUnsent: Bool {
    switch cause {
    case .badRequest, .denied, .resolution, .connect, .proxy, .tls, .timeout(.connect, _), .shutDown: true
    case .timeout, .closed, .malformed, .tooManyRedirects, .redirectLoop, .badRedirect, .cancelled: false
    }
  }

  /// The way to the server is at fault, not the request nor the server's answer.
  public var isUnreachable: Bool {
    switch cause {
    case .resolution, .connect, .proxy, .tls, .timeout(.connect, _): true
    default: false
    }
  }

  /// A URL without what may be secret in it and without control characters, cut after about 200 bytes. By bytes, not by
  /// characters: to Swift, `@` with a combining accent after it is no `@`.
  static func shown(_ url: String) -> String {
    let bytes = Array(url.utf8)
    let ends = Array("/?#\\".utf8)
    let start = bytes.firstIndex(of: 0x3A).flatMap { bytes[$0...].starts(with: "://".utf8) ? $0 + 3 : nil } ?? 0
    let authority = bytes[start...].prefix { !ends.contains($0) }
    let host = authority.lastIndex(of: UInt8(ascii: "@")).map { authority[($0 + 1)...] } ?? authority
    let rest = bytes[authority.endIndex...]
    let path = rest.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    var text = bytes[..<start] + host + path
    let isCut = text.count > longestShown
    if isCut { text = text.prefix(longestShown) }
    if isCut { text.removeLast(UTF8Tail.incomplete(Array(text))) }
    let tail = isCut ? "…" : path.count < rest.count ? "?…" : ""
    return Terminal.printable(String(decoding: text, as: UTF8.self)) + tail
  }

  private static let longestShown = 200
}

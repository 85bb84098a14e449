import Glibc
import Synchronization

/// A server on loopback that says byte for byte what a test tells it to, and when: what a script waits for is a condition
/// (a request, a ``Gate``, the client's leaving), never a time. Each connection has a thread of its own.
public final class ScriptedServer: Sendable {
  public let port: Int
  private let listener: Int32
  private let log = RequestLog()

  /// - Parameter script: called once for each connection, which is closed when it returns.
  public init(_ script: @escaping @Sendable (ScriptedConnection) -> Void) {
    (listener, port) = Self.listen()
    let (listener, log) = (listener, log)
    onThread {
      while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
        log.connected()
        onThread {
          script(ScriptedConnection(descriptor, log))
          close(descriptor)
        }
      }
      close(listener)
    }
  }

  /// Answers the requests of all connections, in the order they come, with `answers`, the last of them again and again.
  public convenience init(answers: [String]) {
    let queue = AnswerQueue(answers)
    self.init { connection in
      while connection.request() != nil { connection.send(queue.next()) }
    }
  }

  deinit { Glibc.shutdown(listener, Int32(SHUT_RDWR)) }

  public var url: String { "http://127.0.0.1:\(port)" }
  /// What has been read from all connections, in order.
  public var requests: [ScriptedRequest] { log.contents.withLock { $0.requests } }
  public var connections: Int { log.contents.withLock { $0.connections } }

  /// An answer with its length.
  public static func answer(_ status: Int = 200, _ headers: [String] = [], body: String = "") -> String {
    let fields = headers.map { $0 + "\r\n" }.joined()
    return "HTTP/1.1 \(status) Told\r\n\(fields)content-length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  /// A port of loopback where nobody listens.
  public static func deadPort() -> Int {
    let (descriptor, port) = listen()
    close(descriptor)
    return port
  }

  private static func listen() -> (Int32, Int) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && Glibc.listen(descriptor, 128) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    precondition(bound, "no port on loopback: \(String(cString: strerror(errno)))")
    return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
  }
}

private final class AnswerQueue: Sendable {
  private let answers: Mutex<[String]>

  init(_ answers: [String]) { self.answers = Mutex(answers) }

  func next() -> String { answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] } }
}

/// One request as it was read.
public struct ScriptedRequest: Sendable, Equatable {
  /// `GET /path HTTP/1.1`
  public let line: String
  public let headers: [String: String]
  public let body: [UInt8]
}

final class RequestLog: Sendable {
  let contents = Mutex((requests: [ScriptedRequest](), connections: 0))

  func connected() { contents.withLock { $0.connections += 1 } }
  func add(_ request: ScriptedRequest) { contents.withLock { $0.requests.append(request) } }
}

/// A connection that a client has made. It is used by the thread of its script alone.
public final class ScriptedConnection {
  private let descriptor: Int32
  private let log: RequestLog
  private var unread: [UInt8] = []

  init(_ descriptor: Int32, _ log: RequestLog) {
    self.descriptor = descriptor
    self.log = log
    // A test that waits for what never comes is to fail, not to hang.
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  /// Waits for a request with its body; `nil` when the client has left.
  public func request() -> ScriptedRequest? {
    var end: Int?
    while end == nil {
      end = unread.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound
      if end == nil, !fill() { return nil }
    }
    let lines = String(decoding: unread[..<end!], as: UTF8.self).split(separator: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = String(parts.last!.drop { $0 == " " })
    }
    unread.removeFirst(end!)
    let length = headers["content-length"].flatMap { Int($0) } ?? 0
    while unread.count < length { if !fill() { return nil } }
    let request = ScriptedRequest(line: String(lines[0]), headers: headers, body: Array(unread.prefix(length)))
    unread.removeFirst(length)
    log.add(request)
    return request
  }

  /// - Returns: `false` when the client has closed the connection, or takes nothing for a minute.
  @discardableResult public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  @discardableResult public func send(_ bytes: [UInt8]) -> Bool { Self.pass(bytes, to: descriptor) }

  private static func pass(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if sent < 0 { return false }
      rest.removeFirst(sent)
    }
    return true
  }

  /// Waits until the client closes the connection, dropping what it still sends.
  /// - Returns: `false` when it does not within a minute.
  @discardableResult public func awaitClose() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count == 0 || count < 0 && errno == ECONNRESET { return true }
      if count < 0 { return false }
    }
  }

  /// Passes all bytes on to a port of loopback and back, as a proxy does once its tunnel is open, until either side closes.
  public func relay(to port: Int) {
    let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    defer { close(other) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    address.sin_port = UInt16(port).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(other, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0, Self.pass(unread, to: other) else { return }
    unread = []
    while true {
      var ends = [descriptor, other].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&ends, 2, 60_000) > 0 else { return }
      for (from, to) in [(0, other), (1, descriptor)] where ends[from].revents != 0 {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(ends[from].fd, &buffer, buffer.count)
        guard count > 0, Self.pass(Array(buffer[..<count]), to: to) else { return }
      }
    }
  }

  /// Makes the close a reset.
  public func resetOnClose() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
  }

  private func fill() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = read(descriptor, &buffer, buffer.count)
    guard count > 0 else { return false }
    unread += buffer[..<count]
    return true
  }
}

private func onThread(_ body: @escaping @Sendable () -> Void) {
  var thread = pthread_t()
  let started = pthread_create(
    &thread, nil,
    { argument in
      Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
      return nil
    }, Unmanaged.passRetained(ThreadBody(body)).toOpaque())
  precondition(started == 0, "no thread: \(started)")
  pthread_detach(thread)
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

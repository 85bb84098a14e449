/// One event of a stream.
public struct ServerSentEvent: Sendable, Hashable {
  public var name: String
  public var data: [UInt8]

  public init(name: String = "message", data: [UInt8]) {
    self.name = name
    self.data = data
  }
}

/// Takes a stream of server-sent events apart, in pieces of any size (html.spec.whatwg.org, 9.2.6): lines end in LF, CR LF or
/// CR, a byte order mark may come first, the data of several lines is one text, and what no empty line follows is no event.
public struct EventStreamParser: Sendable {
  /// What cannot be an answer of a model; memory does not grow past it.
  public static let longestEvent = 16 << 20

  public struct TooLong: Error, Equatable {}

  private var line: [UInt8] = []
  private var isFirstLine = true
  /// A LF after it belongs to it, in whatever piece it comes.
  private var endedInCR = false
  private var name = ""
  private var data: [UInt8] = []
  private var hasData = false

  private let longest: Int

  public init(longest: Int = EventStreamParser.longestEvent) { self.longest = longest }

  /// - Returns: the events that end in this piece.
  public mutating func read(_ bytes: [UInt8]) throws(TooLong) -> [ServerSentEvent] {
    var events: [ServerSentEvent] = []
    var rest = bytes[...]
    while let first = rest.first {
      if endedInCR {
        endedInCR = false
        if first == 0x0A {
          rest.removeFirst()
          continue
        }
      }
      guard let end = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) else {
        line += rest
        break
      }
      line += rest[..<end]
      endedInCR = rest[end] == 0x0D
      rest = rest[(end + 1)...]
      if let event = takeLine() { events.append(event) }
    }
    guard line.count + data.count <= longest else { throw TooLong() }
    return events
  }

  private mutating func takeLine() -> ServerSentEvent? {
    defer { line.removeAll(keepingCapacity: true) }
    var text = line[...]
    if isFirstLine {
      isFirstLine = false
      if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    }
    guard !text.isEmpty else { return dispatch() }
    let field = text.prefix { $0 != UInt8(ascii: ":") }
    var value = text.dropFirst(field.count + 1)
    if value.first == 0x20 { value = value.dropFirst() }
    // A field without a name is a comment; `id` and `retry` are for reconnecting, which a call is not.
    if field.elementsEqual("data".utf8) {
      if hasData { data.append(0x0A) }
      data += value
      hasData = true
    } else if field.elementsEqual("event".utf8) {
      name = String(decoding: value, as: UTF8.self)
    }
    return nil
  }

  private mutating func dispatch() -> ServerSentEvent? {
    defer {
      name = ""
      data = []
      hasData = false
    }
    return hasData ? ServerSentEvent(name: name.isEmpty ? "message" : name, data: data) : nil
  }
}

import Glibc

/// One end of a stream socket pair with a buffer on either side, so that neither the runner nor the warden ever waits
/// for the other: what does not fit stays here until poll(2) says there is room.
struct SocketStream: ~Copyable {
  /// Bytes received, and how many of them are consumed.
  struct Input {
    fileprivate(set) var bytes: [UInt8] = []
    private(set) var head = 0

    mutating func consume(_ count: Int) { head += count }

    /// Drops what is consumed; done once before new bytes come, not at every frame, which would be quadratic.
    fileprivate mutating func compact() {
      if head == bytes.count {
        bytes.removeAll(keepingCapacity: true)
      } else {
        bytes.removeFirst(head)
      }
      head = 0
    }
  }

  private let descriptor: Descriptor
  private var input = Input()
  private var output: [UInt8] = []

  init(owning number: Int32) { descriptor = Descriptor(owning: number) }

  /// Two connected ends, non-blocking and close-on-exec; nil with `errno` set when there are none.
  static func pair() -> (Int32, Int32)? {
    var ends: (Int32, Int32) = (-1, -1)
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let made = withUnsafeMutableBytes(of: &ends) {
      socketpair(AF_UNIX, kind, 0, $0.baseAddress?.assumingMemoryBound(to: Int32.self))
    }
    return made == 0 ? ends : nil
  }

  var number: Int32 { descriptor.number }
  var hasOutput: Bool { !output.isEmpty }

  /// Hands the buffer out, so that its bytes can be pointed at while this stream is written to; ``putBack(_:)`` it.
  mutating func takeInput() -> Input {
    defer { input = Input() }
    return input
  }

  mutating func putBack(_ taken: consuming Input) { input = taken }

  /// The next whole line that has arrived, without its newline.
  mutating func takeLine() -> ArraySlice<UInt8>? {
    let rest = input.bytes[input.head...]
    guard let end = rest.firstIndex(of: 0x0A) else { return nil }
    input.consume(end + 1 - rest.startIndex)
    return rest[..<end]
  }

  enum Arrival {
    case bytes
    /// Nothing for now; the other end lives.
    case nothing
    /// The other end is closed and everything it sent has arrived.
    case ended
  }

  /// Takes what has arrived, at most about `limit` bytes a call, so that one side cannot keep the other busy for ever.
  mutating func receive(atMost limit: Int = 256 << 10) -> Arrival {
    input.compact()
    var taken = 0
    while taken < limit {
      let got = descriptor.readInto(&input.bytes, atMost: 65536)
      if got > 0 {
        taken += got
        if got < 65536 { break }
      } else if got == 0 || errno != EINTR {
        if taken > 0 { break }
        return got < 0 && errno == EAGAIN ? .nothing : .ended
      }
    }
    return .bytes
  }

  /// Adds to what the next ``send()`` sends.
  mutating func write(_ body: (inout [UInt8]) -> Void) { body(&output) }

  /// Sends what there is room for. False when the other end is gone: what was to be sent is dropped.
  mutating func send() -> Bool {
    var sent = 0
    defer { sent == output.count ? output.removeAll(keepingCapacity: true) : output.removeFirst(sent) }
    while sent < output.count {
      let count = output.withUnsafeBytes {
        Glibc.send(descriptor.number, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        sent += count
      } else if errno != EINTR {
        if errno == EAGAIN { return true }
        sent = output.count
        return false
      }
    }
    return true
  }
  /// Ends our direction; what the other end says is still received.
  func endSending() { shutdown(descriptor.number, Int32(SHUT_WR)) }
  /// Ends both directions at once; the other end finds it closed.
  func hangUp() { shutdown(descriptor.number, Int32(SHUT_RDWR)) }
}

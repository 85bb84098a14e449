/// A stream of bytes in both directions, as the standard streams of a server are.
public protocol ByteStream: Sendable {
  /// What has come; `nil` at the end, and when the task is cancelled. One caller at a time.
  func read() async -> [UInt8]?
  /// Takes it at once, and sends it as the other side reads. False when the other side has stopped reading; where it is gone,
  /// ``read()`` tells.
  func write(_ bytes: [UInt8]) -> Bool
  /// Nothing more will be written: the other side finds the end.
  func finish()
}

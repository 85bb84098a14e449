import AstroCore
import CLinux
import Glibc

/// The way of one stream of a command that has secrets: it prints into a pipe, and what comes out of that goes through a
/// mask into the scratch file, so that no secret is ever on disk.
///
/// While the disk has no room the pipe is not read: the command waits in write(2) and loses nothing. If the warden is killed,
/// the next write of the command gets SIGPIPE, and the attempt is `lost` as any other.
final class OutputPump {
  /// nil once the command has ended, or closed its end, or its output cannot be kept.
  private var pipe: Descriptor?
  private let file: Descriptor
  private var mask: SecretMask
  /// Masked, and not in the file yet: the disk has no room.
  private var refused: [UInt8] = []

  /// How many bytes nothing will ever take: a file may become no longer, or the disk is broken.
  private(set) var dropped: Int64 = 0

  /// What is read at once, and how often in one turn of the warden: a command that prints without end delays the others
  /// by no more than that.
  private static let piece = 64 << 10
  private static let piecesPerTurn = 4

  private init(input: consuming Descriptor, file: consuming Descriptor, mask: SecretMask) {
    pipe = consume input
    self.file = file
    self.mask = mask
  }

  /// A pump into the file at `path`, and the end for the command to print into; nil with `errno` set when there is no
  /// descriptor left for it.
  static func open(into path: String, mask: SecretMask) -> (pump: OutputPump, commandEnd: Int32)? {
    guard let file = Descriptor(opening: path, O_WRONLY | O_APPEND) else { return nil }
    var ends: (Int32, Int32) = (-1, -1)
    let made = withUnsafeMutableBytes(of: &ends) { clinux_pipe($0.baseAddress?.assumingMemoryBound(to: Int32.self)) }
    guard made == 0 else { return nil }
    return (OutputPump(input: Descriptor(owning: ends.0), file: file, mask: mask), ends.1)
  }

  /// Whether the disk has refused output that still waits for it.
  var isStalled: Bool { !refused.isEmpty }

  /// The descriptor to wait for; nil when nothing is to be read now.
  var awaited: Int32? {
    isStalled ? nil : pipe?.number
  }

  enum Flow {
    case none
    /// Something, and less than there was room for.
    case little
    case much
  }

  /// Moves what the command has printed, if there is room for it.
  func pump() -> Flow {
    guard store([]) else { return .none }
    for turn in 0..<Self.piecesPerTurn {
      let moved = move(atMost: Self.piece)
      if moved < Self.piece { return turn > 0 ? .much : moved > 0 ? .little : .none }
    }
    return .much
  }

  /// The command has ended. What is in the pipe now is its output; a descendant that goes on printing is not waited for, and
  /// finds the pipe closed.
  /// - Returns: whether all of it is in the file; else ``complete()`` is to be asked again.
  func end() -> Bool {
    var left = unread
    while left > 0 {
      let moved = move(atMost: min(Int(left), Self.piece))
      if moved == 0 { break }
      left -= Int32(moved)
    }
    pipe = nil
    return store(mask.finish())
  }

  /// Whether all output of the ended command is in the file.
  func complete() -> Bool { store([]) }

  /// How many bytes are in the pipe.
  private var unread: Int32 {
    var count: Int32 = 0
    if let number = pipe?.number { _ = ioctl(number, UInt(FIONREAD), &count) }
    return count
  }

  /// How many bytes were moved; 0 when there are none.
  private func move(atMost count: Int) -> Int {
    guard let number = pipe?.number else { return 0 }
    return withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { space in
      var got = read(number, space.baseAddress, count)
      while got < 0, errno == EINTR { got = read(number, space.baseAddress, count) }
      // At the end of the stream, when every process that could print has closed it, it would be ready for ever.
      if got == 0 { pipe = nil }
      guard got > 0 else { return 0 }
      _ = store(mask.mask(UnsafeRawBufferPointer(rebasing: space[..<got])))
      return got
    }
  }

  /// Writes what was refused before, then `bytes`. False when the disk has no room: they wait here.
  private func store(_ bytes: [UInt8]) -> Bool {
    refused += bytes
    var written = 0
    defer { refused.removeFirst(written) }
    while written < refused.count {
      let count = refused.withUnsafeBytes {
        write(file.number, $0.baseAddress.map { $0 + written }, $0.count - written)
      }
      if count >= 0 {
        written += count
      } else if errno == ENOSPC || errno == EDQUOT {
        return false
      } else if errno != EINTR {
        // The command is told by SIGPIPE, as it would be by the error of its own write.
        dropped += Int64(refused.count - written) + Int64(unread)
        written = refused.count
        pipe = nil
      }
    }
    return true
  }
}

import Glibc

/// What a watch has heard.
public enum SpoolChange: Sendable, Equatable {
  case none
  /// Names that are worth a look now, each once, in the order they were heard of.
  case names([FileName])
  /// The kernel's queue overflowed (inotify(7)): any number of names was lost, list the spool.
  case rescan
  /// The directory was removed or moved away: see ``Spool/integrity()``.
  case directoryGone
}

extension SpoolChange {
  private static let lost = UInt32(IN_Q_OVERFLOW)
  private static let gone = UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_IGNORED) | UInt32(IN_UNMOUNT)
  private static let directory = UInt32(IN_ISDIR)

  /// Reads a buffer of `inotify_event` records (inotify(7)): watch, mask, cookie and length of 4 bytes each, then the
  /// name padded with NUL.
  init(events buffer: UnsafeRawBufferPointer) {
    var names: [FileName] = []
    var seen: Set<FileName> = []
    var overflowed = false
    var offset = 0
    while offset + 16 <= buffer.count {
      let mask = buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
      let length = Int(buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
      guard offset + 16 + length <= buffer.count else { break }
      if mask & Self.gone != 0 {
        self = .directoryGone
        return
      }
      if mask & Self.lost != 0 { overflowed = true }
      let bytes = buffer[offset + 16..<offset + 16 + length].prefix { $0 != 0 }
      offset += 16 + length
      guard mask & Self.directory == 0, let name = FileName(bytes: bytes) else { continue }
      if SpoolEntry.Kind(of: name) != .ignored, seen.insert(name).inserted { names.append(name) }
    }
    self = overflowed ? .rescan : names.isEmpty ? .none : .names(names)
  }
}

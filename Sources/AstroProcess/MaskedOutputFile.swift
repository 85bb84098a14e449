import AstroCore
import Glibc

/// `$ASTRO_OUTPUT` of a command that has secrets, which writes it by itself: masked when the command has ended and before
/// its end is on record, so that whoever takes the end finds the file without them.
///
/// Killed before that, the warden leaves the file as it was and no record of the end: the attempt is `lost`, and the
/// runner that says so removes the file.
struct MaskedOutputFile {
  let path: String

  /// More than that is refused whatever it holds; see `OutputFile.limit`.
  private static let limit = 1 << 20

  /// - Returns: false when there is no room on the disk, or no descriptor or memory, for it now: the file is as it was. What
  ///   is no regular file is refused by the runner, and left.
  func replace(_ mask: SecretMask) -> Bool {
    guard let file = Descriptor(opening: path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else {
      if Self.isShortage(errno) { return false }
      if ![ENOENT, ENOTDIR, ELOOP, ENXIO].contains(errno) { unlink(path) }  // Better no outputs than a secret on disk.
      return true
    }
    var status = stat()
    guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { return true }
    // Never more than that, whatever its size was: somebody may make it longer meanwhile.
    var bytes: [UInt8] = []
    while bytes.count <= Self.limit, file.readInto(&bytes, atMost: Self.limit + 1 - bytes.count) > 0 {}
    guard status.st_size <= off_t(Self.limit), bytes.count <= Self.limit else {
      // The runner reads how large it is, and nothing else of it.
      return substitute([], size: off_t(Self.limit) + 1)
    }
    var mask = mask
    let masked = mask.masked(bytes)
    return masked == bytes || substitute(masked, size: off_t(masked.count))
  }

  /// By a rename: a process that still has the old file open writes into what has no name any more. No fsync: what a power
  /// cut takes away belongs to an attempt that is `lost`.
  private func substitute(_ bytes: [UInt8], size: off_t) -> Bool {
    let temporary = path + ".masked"
    unlink(temporary)
    if let file = Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW) {
      let count = bytes.withUnsafeBytes { write(file.number, $0.baseAddress, $0.count) }
      if count == bytes.count, ftruncate(file.number, size) == 0, rename(temporary, path) == 0 { return true }
      // A short write is a full disk; only the next call would say so.
      if count >= 0, count < bytes.count { errno = ENOSPC }
    }
    let isShort = Self.isShortage(errno)
    unlink(temporary)
    if isShort { return false }
    unlink(path)
    return true
  }

  private static func isShortage(_ number: Int32) -> Bool {
    [ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EAGAIN].contains(number)
  }
}

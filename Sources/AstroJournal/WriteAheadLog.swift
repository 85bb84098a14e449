import AstroCore
import Glibc

/// The write-ahead log as it lies on disk (sqlite.org/fileformat2.html, 4): a header and frames, each frame a page of the
/// database with a checksum over all that came before it.
///
/// SQLite ends its reading at the first frame that is not right, as it must after a power cut, and takes what follows for
/// nothing: commits that were on disk would be gone without a word. What a power cut leaves can be told from damage. A
/// transaction is written only when the one before it has been synchronized, so a frame that is not right lies in the last
/// transaction, and what belongs to a later one proves that the log has been changed since.
struct WriteAheadLog {
  private let descriptor: Int32
  private let size: Int64
  private let pageSize: Int
  private let isBigEndian: Bool
  /// Of the header; each frame of the present log repeats it.
  private let salt: [UInt8]
  private let hasHeader: Bool
  private var sums: (UInt32, UInt32)

  /// What is wrong with the log at `path`; `nil` when it is whole, or there is none. To be asked where nobody writes.
  static func damage(at path: String) throws(Failure) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw Failure.system(.io, subject: path, "cannot open the journal's log")
    }
    defer { close(descriptor) }
    guard var log = WriteAheadLog(descriptor) else { return nil }
    return log.damage()
  }

  private static let headerSize = 32
  private static let frameHeaderSize = 24

  /// `nil` for one without a whole frame.
  private init?(_ descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, let header = Self.read(descriptor, Self.headerSize, at: 0) else {
      return nil
    }
    self.descriptor = descriptor
    size = Int64(status.st_size)
    let magic = Self.number(header, 0)
    isBigEndian = magic & 1 == 1
    sums = Self.sum(header[..<24], (0, 0), isBigEndian)
    let written = Int(Self.number(header, 8))
    hasHeader =
      magic & ~1 == 0x377F_0682 && sums == (Self.number(header, 24), Self.number(header, 28))
      && (512...65536).contains(written)
    // A header that is not right tells no size; ours is SQLite's default.
    pageSize = hasHeader ? written : 4096
    salt = Array(header[16..<24])
    guard size >= Int64(Self.headerSize + frameSize) else { return nil }
  }

  private var frameSize: Int { Self.frameHeaderSize + pageSize }

  private mutating func damage() -> String? {
    // The header is synchronized before the first frame is written.
    guard hasHeader else { return "the header of its write-ahead log is not right" }
    var offset = Int64(Self.headerSize)
    var number = 1
    while let frame = Self.read(descriptor, frameSize, at: offset), accepts(frame) {
      offset += Int64(frameSize)
      number += 1
    }
    return isFollowedByOthers(offset) ? "frame \(number) of its write-ahead log is not right" : nil
  }

  private mutating func accepts(_ frame: [UInt8]) -> Bool {
    guard frame[8..<16].elementsEqual(salt) else { return false }
    sums = Self.sum(frame[..<8], sums, isBigEndian)
    sums = Self.sum(frame[Self.frameHeaderSize...], sums, isBigEndian)
    return sums == (Self.number(frame, 16), Self.number(frame, 20))
  }

  /// Whether a commit of the present log lies at or after `offset`, and a frame that was written after it, and therefore
  /// after it was durable. Frames of a former log have another salt; those that a transaction left which was rolled back or
  /// killed, and a later one overwrote in part, do not continue the checksums of the commit before them.
  private func isFollowedByOthers(_ offset: Int64) -> Bool {
    var offset = offset
    var commit: (UInt32, UInt32)?
    while let header = Self.read(descriptor, Self.frameHeaderSize, at: offset) {
      let isOurs = header[8..<16].elementsEqual(salt)
      if isOurs, let commit, let frame = Self.read(descriptor, frameSize, at: offset), continues(commit, frame) {
        return true
      }
      commit = isOurs && Self.number(header, 4) != 0 ? (Self.number(header, 16), Self.number(header, 20)) : nil
      offset += Int64(frameSize)
    }
    return false
  }

  private func continues(_ sums: (UInt32, UInt32), _ frame: [UInt8]) -> Bool {
    let head = Self.sum(frame[..<8], sums, isBigEndian)
    return Self.sum(frame[Self.frameHeaderSize...], head, isBigEndian) == (
      Self.number(frame, 16), Self.number(frame, 20)
    )
  }

  private static func read(_ descriptor: Int32, _ count: Int, at offset: Int64) -> [UInt8]? {
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = max(0, pread(descriptor, buffer.baseAddress, count, off_t(offset)))
    }
    return bytes.count == count ? bytes : nil
  }

  /// Big-endian, as all numbers of the log.
  private static func number(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  private static func sum(
    _ bytes: ArraySlice<UInt8>, _ start: (UInt32, UInt32), _ isBigEndian: Bool
  ) -> (UInt32, UInt32) {
    bytes.withUnsafeBytes { buffer in
      var (first, second) = start
      for offset in stride(from: 0, to: buffer.count & ~7, by: 8) {
        let one = buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        let two = buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
        first &+= (isBigEndian ? UInt32(bigEndian: one) : UInt32(littleEndian: one)) &+ second
        second &+= (isBigEndian ? UInt32(bigEndian: two) : UInt32(littleEndian: two)) &+ first
      }
      return (first, second)
    }
  }
}

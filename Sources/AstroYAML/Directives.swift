/// Lines that begin with `%TAG`. libyaml compares each tag directive with all before it, so that a megabyte of them
/// takes it minutes; nobody needs more than a few.
enum Directives {
  static let most = 64

  /// Where the first one too many is.
  static func excess(in bytes: [UInt8]) -> Int? {
    var count = 0
    return bytes.withUnsafeBufferPointer { bytes in
      bytes.indices.first { i in
        guard bytes[i] == UInt8(ascii: "%"),
          i == 0 || bytes[i - 1] == 0x0A || bytes[i - 1] == 0x0D || bytes[i - 1] >= 0x80,
          bytes[i...].starts(with: "%TAG".utf8)
        else { return false }
        count += 1
        return count > most
      }
    }
  }
}

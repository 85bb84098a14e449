/// RFC 4648, 4, with padding.
public enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  public static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = (0..<3).reduce(UInt32(0)) { bits, index in
        bits << 8 | (start + index < bytes.count ? UInt32(bytes[start + index]) : 0)
      }
      for index in 0..<4 {
        let isPadding = start + index > bytes.count
        text.append(isPadding ? UInt8(ascii: "=") : alphabet[Int(group >> UInt32(18 - 6 * index) & 63)])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `nil` when the text is anything else. White space is passed over.
  public static func decode(_ text: Substring) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var (pending, digits, padding) = (0, 0, 0)
    for byte in text.utf8 where !(byte == 0x20 || (0x09...0x0D).contains(byte)) {
      if byte == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0, let value = alphabet.firstIndex(of: byte) else { return nil }
      digits += 1
      bits = bits << 6 | UInt32(value)
      pending += 6
      guard pending >= 8 else { continue }
      pending -= 8
      bytes.append(UInt8(bits >> UInt32(pending)))
      bits &= 1 << UInt32(pending) - 1
    }
    return digits % 4 == 1 || padding > 2 ? nil : bytes
  }
}

/// Checks of raw bytes before the YAML parser sees them.
enum UTF8Text {
  static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  static func isUTF16(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
  }

  /// The offset of the first byte that is not well-formed UTF-8 (Unicode 16, table 3-7); `nil` when all are.
  static func firstInvalid(_ bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { raw in
      var i = 0
      while i < raw.count {
        // Eight ASCII bytes at a time: nearly all of nearly every file.
        if i + 8 <= raw.count, raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
          i += 8
          continue
        }
        let width = sequenceWidth(raw, at: i)
        if width == 0 { return i }
        i += width
      }
      return nil
    }
  }

  private static func sequenceWidth(_ raw: UnsafeRawBufferPointer, at i: Int) -> Int {
    func trails(_ second: ClosedRange<UInt8>, _ width: Int) -> Int {
      guard i + width <= raw.count, second.contains(raw[i + 1]) else { return 0 }
      return raw[(i + 1)..<(i + width)].allSatisfy { $0 & 0xC0 == 0x80 } ? width : 0
    }
    switch raw[i] {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: return trails(0x80...0xBF, 2)
    case 0xE0: return trails(0xA0...0xBF, 3)
    case 0xE1...0xEC, 0xEE...0xEF: return trails(0x80...0xBF, 3)
    case 0xED: return trails(0x80...0x9F, 3)
    case 0xF0: return trails(0x90...0xBF, 4)
    case 0xF1...0xF3: return trails(0x80...0xBF, 4)
    case 0xF4: return trails(0x80...0x8F, 4)
    default: return 0
    }
  }
}

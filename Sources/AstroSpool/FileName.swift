import AstroCore

/// One name in a directory, as the bytes the kernel has: never normalised and never required to be UTF-8, because two
/// names that Swift's `String` calls equal (composed and decomposed letters) are two files.
///
/// No value of it can leave its directory: empty, `.`, `..` and anything with `/` or NUL are refused.
public struct FileName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let bytes: [UInt8]

  public init?(bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    let dot = UInt8(ascii: ".")
    guard !bytes.isEmpty, bytes != [dot], bytes != [dot, dot], !bytes.contains(0), !bytes.contains(UInt8(ascii: "/"))
    else { return nil }
    self.bytes = bytes
  }

  /// Byte by byte, as `ls` sorts in the C locale.
  public static func < (a: FileName, b: FileName) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

  public init?(_ text: String) { self.init(bytes: Array(text.utf8)) }

  /// For names this room mints itself, from workflow identifiers and constants.
  init(minted text: String) { bytes = Array(text.utf8) }

  /// For bytes that are known to be a name.
  init(unchecked bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  /// What stands before the last dot: the default name of a workflow.
  public var stem: ArraySlice<UInt8> {
    bytes.lastIndex(of: UInt8(ascii: ".")).map { bytes[..<$0] } ?? bytes[...]
  }

  /// Safe for terminals, logs and receipts: control and bidirectional characters as `\u{1b}`, bytes that are not
  /// UTF-8 as `\xff`, everything else as it is.
  public var printable: String {
    var text = String.UnicodeScalarView()
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes.makeIterator()
    var position = 0
    while true {
      switch parser.parseScalar(from: &rest) {
      case .valid(let encoded):
        position += encoded.count
        append(Unicode.UTF8.decode(encoded), to: &text)
      case .error(let length):
        for byte in bytes[position..<position + length] {
          text.append(contentsOf: "\\x\(String(byte, radix: 16))".unicodeScalars)
        }
        position += length
      case .emptyInput: return String(text)
      }
    }
  }

  public var description: String { printable }

  private func append(_ scalar: Unicode.Scalar, to text: inout String.UnicodeScalarView) {
    guard Terminal.isUnsafe(scalar) else { return text.append(scalar) }
    text.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
  }

  func starts(with text: StaticString) -> Bool {
    text.withUTF8Buffer { bytes.starts(with: $0) }
  }

  func ends(with text: StaticString) -> Bool {
    text.withUTF8Buffer { suffix in bytes.count >= suffix.count && bytes.suffix(suffix.count).elementsEqual(suffix) }
  }

  /// Calls `body` with the name as a C string.
  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var terminated = bytes.map { CChar(bitPattern: $0) }
    terminated.append(0)
    return terminated.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("a terminated name has at least one byte") }
      return body(base)
    }
  }
}

/// The name of one run, `<name>-<UTC yyyymmddThhmmssZ>-<6 random base32>`: sortable, unique, and safe as
/// a file name. Minted by ``mint(name:at:using:)`` only; text from outside goes through ``init(validating:)``.
public struct WorkflowID: Hashable, Sendable, Comparable, CustomStringConvertible {
  public let text: String

  /// Trusts `text`; for identifiers read back from the journal.
  public init(unchecked text: String) { self.text = text }

  /// Accepts only the characters an identifier is minted from, so that no spelling of it leaves its directory.
  public init?(validating text: String) {
    guard (1...100).contains(text.utf8.count), text.utf8.allSatisfy(Self.isAllowed) else { return nil }
    self.text = text
  }

  /// Accepts only what ``mint(name:at:using:)`` may have made, for whoever removes things by their names.
  public init?(minted text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count > 24, text.utf8.count == text.unicodeScalars.count else { return nil }
    let name = bytes.dropLast(24)
    let time = bytes[bytes.count - 23..<bytes.count - 7]
    let isTime = zip(time, "00000000T000000Z".utf8).allSatisfy { byte, model in
      model == UInt8(ascii: "0") ? (0x30...0x39).contains(byte) : byte == model
    }
    let isSuffix = bytes.suffix(6).allSatisfy { (0x61...0x7A).contains($0) || (0x32...0x37).contains($0) }
    let dash = UInt8(ascii: "-")
    guard Name.isValid(String(decoding: name, as: UTF8.self)), isTime, isSuffix, bytes[bytes.count - 24] == dash,
      bytes[bytes.count - 7] == dash
    else { return nil }
    self.text = text
  }

  /// Mints an identifier. `name` must already be a valid workflow name; `random` supplies the 30 random bits.
  public static func mint(
    name: String, at time: Timestamp, using random: inout some RandomNumberGenerator
  ) -> WorkflowID {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)  // RFC 4648 base32, lower case
    let suffix = (0..<6).map { _ in alphabet[Int(random.next(upperBound: UInt32(32)))] }
    return WorkflowID(unchecked: "\(name)-\(time.compact)-\(String(decoding: suffix, as: UTF8.self))")
  }

  /// Mints an identifier with random bits from the kernel.
  public static func mint(name: String, at time: Timestamp) -> WorkflowID {
    var random = SystemRandomNumberGenerator()
    return mint(name: name, at: time, using: &random)
  }

  /// What the workflow is called: the part before the time and the random characters.
  public var name: String { String(text.dropLast(24)) }

  public var description: String { text }
  public static func < (a: WorkflowID, b: WorkflowID) -> Bool { a.text < b.text }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

/// One try at one task of one run. Attempts count from 1.
public struct AttemptKey: Hashable, Sendable, CustomStringConvertible {
  public let workflow: WorkflowID
  public let task: String
  public let number: Int

  public init(workflow: WorkflowID, task: String, number: Int) {
    self.workflow = workflow
    self.task = task
    self.number = number
  }

  public var description: String { "\(workflow)/\(task)/\(number)" }
}

/// Names of workflows, tasks and parameters.
public enum Name {
  /// `[a-z0-9_-]`, 1 to 64 bytes: the rule for workflow and task names, which become parts of file names.
  public static func isValid(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(isNameByte)
  }

  /// What a stem without any letter or digit becomes.
  public static let fallback = "workflow"

  /// The nearest valid workflow name to a file's stem: upper case is lowered, runs of other bytes become one `-`.
  public static func derived(fromStem stem: some Sequence<UInt8>) -> String {
    var bytes: [UInt8] = []
    for byte in stem {
      let lower = (0x41...0x5A).contains(byte) ? byte + 0x20 : byte
      if isNameByte(lower) {
        bytes.append(lower)
      } else if bytes.last != UInt8(ascii: "-") {
        bytes.append(UInt8(ascii: "-"))
      }
      if bytes.count == 64 { break }
    }
    while bytes.last == UInt8(ascii: "-") { bytes.removeLast() }
    while bytes.first == UInt8(ascii: "-") { bytes.removeFirst() }
    return bytes.isEmpty ? fallback : String(decoding: bytes, as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// The stored form of a ``SlidingLog``: a version byte, then LEB128 numbers (DWARF 5, 7.6). An entry takes about seven
/// bytes, because each is written as its distance from the one before.
extension SlidingLog {
  /// Bytes that are no log: damaged, or written by a newer version. Never read as "nothing was granted".
  public struct MalformedLog: Error, Sendable, Equatable {
    /// What is wrong with them.
    public let reason: String
  }

  private static let version: UInt8 = 1

  public var encoded: [UInt8] {
    var bytes: [UInt8] = [Self.version]
    bytes.reserveCapacity(16 + entries.count * 8)
    // Zero says "not blocked", hence the shift by one of what is written otherwise.
    put(blockedUntil.map { zigzag($0) &+ 1 } ?? 0, to: &bytes)
    put(UInt64(entries.count), to: &bytes)
    var previous: Int64 = 0
    for entry in entries {
      put(zigzag(entry.first - previous), to: &bytes)
      put(UInt64(entry.last - entry.first), to: &bytes)
      put(UInt64(entry.weight), to: &bytes)
      previous = entry.last
    }
    return bytes
  }

  /// Reads what ``encoded`` wrote. Everything a log promises is checked: order, positive weights, a sum that fits.
  public init(decoding bytes: some Collection<UInt8>) throws(MalformedLog) {
    self.init()
    var input = NumberReader(bytes: Array(bytes)[...])
    guard let version = input.bytes.popFirst() else { throw MalformedLog(reason: "it is empty") }
    guard version == Self.version else { throw MalformedLog(reason: "version \(version) is not known") }
    let blocked = try input.number()
    blockedUntil = blocked == 0 ? nil : unzigzag(blocked - 1)
    if let blockedUntil, blockedUntil.magnitude > Self.farthest { throw MalformedLog(reason: "a time is absurd") }
    let count = try input.number()
    // Three bytes at least for each: a forged count cannot make us reserve memory.
    guard count <= UInt64(input.bytes.count / 3) else { throw MalformedLog(reason: "it ends too early") }
    var previous: Int64?
    for _ in 0..<count { try append(entry(from: &input, after: &previous)) }
    guard input.bytes.isEmpty else { throw MalformedLog(reason: "bytes follow its end") }
  }

  /// Times beyond this (30,000 years) are damage; the bound keeps every later sum from overflowing.
  static let farthest: UInt64 = 1_000_000_000_000_000_000

  private func entry(
    from input: inout NumberReader, after previous: inout Int64?
  ) throws(MalformedLog) -> Entry {
    let step = unzigzag(try input.number())
    let span = try input.number()
    let weight = try input.number()
    guard step.magnitude <= Self.farthest, span <= Self.farthest, weight <= UInt64(Int64.max) else {
      throw MalformedLog(reason: "a number is absurd")
    }
    guard previous == nil || step >= 0 else { throw MalformedLog(reason: "its entries are out of order") }
    let first = (previous ?? 0) + step
    let last = first + Int64(span)
    guard first.magnitude <= Self.farthest, last.magnitude <= Self.farthest else {
      throw MalformedLog(reason: "a time is absurd")
    }
    previous = last
    return Entry(first: first, last: last, weight: Int64(weight))
  }

  private mutating func append(_ entry: Entry) throws(MalformedLog) {
    let (sum, overflow) = total.addingReportingOverflow(entry.weight)
    guard !overflow, entry.weight > 0 else { throw MalformedLog(reason: "its weights are absurd") }
    total = sum
    entries.append(entry)
  }
}

/// Unsigned LEB128 off the front of a byte string.
private struct NumberReader {
  var bytes: ArraySlice<UInt8>

  mutating func number() throws(SlidingLog.MalformedLog) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = bytes.popFirst() else { throw SlidingLog.MalformedLog(reason: "it ends too early") }
      // The tenth byte has room for one bit only.
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw SlidingLog.MalformedLog(reason: "a number is too long")
  }
}

private func put(_ number: UInt64, to bytes: inout [UInt8]) {
  var rest = number
  while rest >= 0x80 {
    bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
    rest >>= 7
  }
  bytes.append(UInt8(rest))
}

/// Small numbers of either sign become small unsigned ones.
private func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }
private func unzigzag(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }

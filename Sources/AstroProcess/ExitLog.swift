import AstroCore
import Glibc

/// The warden's end of `data/runners/<id>.exits`. Appended to with O_APPEND and as few write(2) calls as the protocol
/// allows; not fsynced: what a power cut takes away belongs to another boot, and those attempts are `lost` anyway.
struct ExitLog: ~Copyable {
  private let descriptor: Descriptor
  /// Records that are not in the file yet. More than a moment's worth only while the disk refuses them.
  private var pending: [UInt8] = []

  init(path: String) throws(Failure) {
    guard let descriptor = Descriptor(opening: path, O_RDWR | O_CREAT | O_APPEND) else {
      throw .kernel(.cannotCreate, path, "cannot open the exit log")
    }
    guard let size = descriptor.size else { throw .kernel(.io, path, "cannot measure the exit log") }
    if size > 0 {
      // A predecessor killed in the middle of a write leaves half a line: ours must not be glued to it, and what was cut
      // within its last field must not pass for a whole record. A field that is one lone `\` fits no record.
      var last: UInt8 = 0
      guard pread(descriptor.number, &last, 1, off_t(size - 1)) == 1 else {
        throw .kernel(.io, path, "cannot read the exit log")
      }
      if last != 0x0A { pending += [0x09, 0x5C, 0x0A] }
    }
    self.descriptor = descriptor
  }

  /// Whether the disk refused records that still wait for it.
  var isStalled: Bool { !pending.isEmpty }

  mutating func append(_ record: ExitLogRecord) { record.write(to: &pending) }

  /// Writes everything that waits, normally in one write(2). False when the disk took only part of it, with `errno`
  /// set: the rest stays here, so that the next flush completes a half-written line instead of leaving it torn.
  mutating func flush() -> Bool {
    while !pending.isEmpty {
      let written = write(descriptor.number, pending, pending.count)
      if written < 0 {
        if errno == EINTR { continue }
        return false
      }
      if written == pending.count {
        pending.removeAll(keepingCapacity: true)
      } else {
        pending.removeFirst(written)
      }
    }
    return true
  }
}

/// Reads an exit log as it grows: whole lines only, from where the last read ended.
struct ExitLogReader: Sendable {
  let path: String
  /// Bytes of the file that have been read and parsed.
  private var offset: Int64 = 0
  private var line = 0
  /// A line that did not parse. Half a line is what a killed warden leaves, so it is forgiven when the next one is the
  /// header of the warden after it, and a fault in the file when it is anything else.
  private var torn: Int?
  /// The header of a warden has been read: what a log tells by silence, it tells only from there on.
  private(set) var isHeaded = false
  /// Where the file is not as we write it. Nothing after it is read.
  private(set) var damage: Failure?

  init(path: String) { self.path = path }

  /// Whether the last line read is no record, and no other has come after it.
  var endsTorn: Bool { torn != nil }

  /// The records added since the last call; none when the file has not been there so far. One that was and is not, or that has
  /// become shorter, is damaged: what it has lost may be more than had been read.
  mutating func next() throws(Failure) -> [ExitLogRecord] {
    guard damage == nil else { return [] }
    guard let descriptor = Descriptor(opening: path, O_RDONLY) else {
      guard errno == ENOENT else { throw .kernel(.io, path, "cannot open the exit log") }
      if offset > 0 { damage = Failure(.io, subject: path, message: "the exit log is gone") }
      return []
    }
    guard let size = descriptor.size else { throw .kernel(.io, path, "cannot measure the exit log") }
    guard size >= offset else {
      damage = Failure(.io, subject: path, message: "the exit log was cut short after it was read")
      return []
    }
    guard lseek(descriptor.number, off_t(offset), SEEK_SET) >= 0, let bytes = descriptor.readAll() else {
      throw .kernel(.io, path, "cannot read the exit log")
    }
    return parse(bytes)
  }

  private mutating func parse(_ bytes: [UInt8]) -> [ExitLogRecord] {
    var records: [ExitLogRecord] = []
    var rest = bytes[...]
    while damage == nil, let end = rest.firstIndex(of: 0x0A) {
      line += 1
      take(rest[..<end], into: &records)
      offset += Int64(end + 1 - rest.startIndex)
      rest = rest[(end + 1)...]
    }
    return records
  }

  private mutating func take(_ bytes: ArraySlice<UInt8>, into records: inout [ExitLogRecord]) {
    guard let record = ExitLogRecord(parsing: bytes) else {
      if let torn { damage = damaged(line: torn) }
      torn = line
      return
    }
    switch record {
    case .withdrawn, .failed: damage = damaged(line: line)
    case .warden:
      torn = nil
      isHeaded = true
    case .start, .pid, .exit, .refused, .closed:
      if let torn { damage = damaged(line: torn) } else if !isHeaded { damage = damaged(line: line) }
    }
    if damage == nil { records.append(record) }
  }

  private func damaged(line: Int) -> Failure {
    Failure(.io, subject: "\(path):\(line)", message: "the exit log is damaged here")
  }
}

import AstroCore
import Glibc

/// The bytes of one log line in the making. Each thread keeps one, with what is worth remembering between two lines:
/// the thread's identifier and the text of the current second.
final class LineBuffer {
  private(set) var count = 0
  private var storage: UnsafeMutableRawBufferPointer
  /// The kernel's identifier of the thread this buffer belongs to, as text.
  let threadDigits = Array(String(LineBuffer.threadIdentifier()).utf8)
  var second = SecondText()
  /// Scratch space for the places of fields, kept for its capacity.
  var slots: [FieldSlot] = []

  init() {
    storage = .allocate(byteCount: 2048, alignment: 8)
    slots.reserveCapacity(16)
  }

  deinit { storage.deallocate() }

  /// gettid(2), which the Glibc overlay lacks: `/proc/thread-self` links to `<pid>/task/<tid>`. Where /proc is not
  /// mounted the process stands for its threads. Asked once a thread.
  private static func threadIdentifier() -> Int32 {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { target in
      guard let base = target.baseAddress else { return getpid() }
      let length = readlink("/proc/thread-self", base, target.count)
      guard length > 0 else { return getpid() }
      let text = String(decoding: target[..<length].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return text.split(separator: "/").last.flatMap { Int32($0) } ?? getpid()
    }
  }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: storage[..<count]) }

  func removeAll() {
    count = 0
    // One giant line must not hold its memory for the life of the thread.
    if storage.count > 65_536 {
      storage.deallocate()
      storage = .allocate(byteCount: 2048, alignment: 8)
    }
  }

  func removeLast(_ bytes: Int) { count -= bytes }

  func append(_ byte: UInt8) {
    reserve(1)
    storage[count] = byte
    count += 1
  }

  func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  func append(_ text: String) {
    let done: Void? = text.utf8.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
    if done == nil { for byte in text.utf8 { append(byte) } }
  }

  func append(_ source: UnsafeRawBufferPointer) {
    guard let from = source.baseAddress, let base = reserve(source.count) else { return }
    memcpy(base + count, from, source.count)
    count += source.count
  }

  func append(decimal value: some FixedWidthInteger) {
    guard value >= 0, value < 10 else { return append(String(value)) }
    append(UInt8(ascii: "0") + UInt8(value))
  }

  /// Exactly three digits.
  func append(milliseconds value: Int) {
    append(UInt8(ascii: "0") + UInt8(value / 100 % 10))
    append(UInt8(ascii: "0") + UInt8(value / 10 % 10))
    append(UInt8(ascii: "0") + UInt8(value % 10))
  }

  /// A JSON string. Plain ASCII is copied as it stands; anything else goes through Core's writer, so that one place
  /// decides what is unsafe.
  func append(quoting text: String) {
    let done: Bool? = text.utf8.withContiguousStorageIfAvailable { utf8 in
      let raw = UnsafeRawBufferPointer(utf8)
      guard Self.isPlain(raw) else { return false }
      append(UInt8(ascii: "\""))
      append(raw)
      append(UInt8(ascii: "\""))
      return true
    }
    if done == true { return }
    var writer = JSONWriter(reserving: text.utf8.count + 16)
    writer.string(text)
    append(writer.bytes)
  }

  /// Whether every byte is printable ASCII other than `"` and `\`, eight at a time ("determine if a word has a byte
  /// less than n", graphics.stanford.edu/~seander/bithacks.html; exact for the question "is there any").
  static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    func zero(_ word: UInt64) -> UInt64 { (word &- ones) & ~word }
    var i = 0
    var found: UInt64 = 0
    while i + 8 <= text.count {
      let word = text.loadUnaligned(fromByteOffset: i, as: UInt64.self)
      found |= word | ((word &- ones &* 0x20) & ~word)
      found |= zero(word ^ ones &* 0x22) | zero(word ^ ones &* 0x5C) | zero(word ^ ones &* 0x7F)
      i += 8
    }
    if found & (ones &* 0x80) != 0 { return false }
    return text[i...].allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
  }

  /// Puts the fields rendered from `start` on, one slot each, into the order of their ranks, those of one rank by name.
  func arrangeFields(from start: Int) {
    defer { slots.removeAll(keepingCapacity: true) }
    guard sortSlots() else { return }
    let end = count
    reserve(end - start)
    for slot in slots { append(UnsafeRawBufferPointer(rebasing: storage[slot.range])) }
    let arranged = UnsafeRawBufferPointer(rebasing: storage[end..<count])
    UnsafeMutableRawBufferPointer(rebasing: storage[start..<end]).copyMemory(from: arranged)
    count = end
  }

  /// Insertion sort: lines have a handful of fields, often in order already. `false` when nothing had to move.
  private func sortSlots() -> Bool {
    var moved = false
    for i in slots.indices.dropFirst() {
      var j = i
      while j > 0, precedes(slots[j], slots[j - 1]) {
        slots.swapAt(j, j - 1)
        moved = true
        j -= 1
      }
    }
    return moved
  }

  /// Rendered fields begin with their names, so comparing bytes compares names.
  private func precedes(_ a: FieldSlot, _ b: FieldSlot) -> Bool {
    if a.rank != b.rank { return a.rank < b.rank }
    return storage[a.range].lexicographicallyPrecedes(storage[b.range])
  }

  @inline(__always) @discardableResult private func reserve(_ more: Int) -> UnsafeMutableRawPointer? {
    if count + more > storage.count { grow(by: more) }
    return storage.baseAddress
  }

  @inline(never) private func grow(by more: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(storage.count * 2, count + more), alignment: 8)
    larger.copyMemory(from: bytes)
    storage.deallocate()
    storage = larger
  }
}

extension LineBuffer {
  /// The slot that holds each thread's buffer; it is released when the thread ends.
  private static let slot: pthread_key_t = {
    var key = pthread_key_t()
    let result = pthread_key_create(&key) { pointer in
      if let pointer { Unmanaged<LineBuffer>.fromOpaque(pointer).release() }
    }
    precondition(result == 0, "the process has used up its thread-specific keys")
    return key
  }()

  /// Lends the calling thread's buffer, empty. While it is lent the slot is empty, so that a value whose description
  /// logs something gets a buffer of its own instead of writing into the line that asked for it.
  static func withCurrent(_ body: (LineBuffer) -> Void) {
    let buffer: LineBuffer
    if let kept = pthread_getspecific(slot) {
      pthread_setspecific(slot, nil)
      buffer = Unmanaged<LineBuffer>.fromOpaque(kept).takeRetainedValue()
    } else {
      buffer = LineBuffer()
    }
    body(buffer)
    buffer.removeAll()
    if pthread_getspecific(slot) == nil { pthread_setspecific(slot, Unmanaged.passRetained(buffer).toOpaque()) }
  }
}

import AstroCore

/// A start the runner has handed over ahead of its slot: the warden begins it at the given number of ends without
/// asking back, so that a slot is filled while the runner waits for its disk.
struct HeldStart {
  let key: AttemptKey
  let end: UInt64
  /// The request as it came: the strings of argv and envp are pointed at in here.
  let frame: [UInt8]

  init(_ key: AttemptKey, at end: UInt64, _ frame: UnsafeRawBufferPointer) {
    self.key = key
    self.end = end
    self.frame = Array(frame)
  }
}

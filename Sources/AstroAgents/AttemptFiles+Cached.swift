public import AstroCore

/// The whole of what an attempt printed, to be kept for equal ones and put in their places.
extension AttemptFiles {
  /// The last `count` bytes of stdout; nothing where there is none.
  public func stdout(atMost count: Int) throws(Failure) -> [UInt8] {
    guard case .bytes(let bytes) = try Self.read("\(directory.attempt(key))/stdout", last: count) else { return [] }
    return bytes
  }

  /// Writes stdout whole, under another name first: a crash leaves none or all of it.
  public func write(stdout bytes: [UInt8]) throws(Failure) {
    var file = AnswerFile(key, in: directory)
    try file.write(bytes)
    try file.finish()
  }
}

/// The two questions put to the kernel whose answers depend on the file system and on who asks; tests answer them
/// themselves.
struct SpoolProbes {
  var lease: (borrowing Descriptor) -> Lease.Answer
  /// Nanoseconds since 1970 on the clock that stamps the spool's files.
  var fileSystemNow: (Directory) -> Int64?

  /// The kernel's answers. On a file system that other machines write to, a lease says nothing about them: it is
  /// granted where only local writers are seen (CIFS, 9p), or refused for ever without a delegation (NFSv4).
  static func kernel(isShared: Bool) -> SpoolProbes {
    SpoolProbes(
      lease: { (file: borrowing Descriptor) in isShared ? .unknown : Lease.ask(file) },
      fileSystemNow: { $0.fileSystemNow() })
  }
}

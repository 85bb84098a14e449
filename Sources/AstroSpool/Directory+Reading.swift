import AstroCore
import Glibc

extension Directory {
  /// Whether a visit of names goes on.
  enum Visit { case goOn, stop }

  /// Calls `body` for each name but `.` and `..`, in the order the file system has them, holding one at a time:
  /// the memory needed does not grow with the directory. `isDirectory` is what the file system says for free, and may
  /// be false for a directory on file systems that do not say.
  func visit(_ body: (_ name: FileName, _ isDirectory: Bool) throws(Failure) -> Visit) throws(Failure) {
    // Opened anew: a duplicate would share its position with every other scan.
    let number = openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw .system(path, "cannot open the directory", errno) }
    guard let stream = fdopendir(number) else {
      let problem = errno
      close(number)
      throw .system(path, "cannot list the directory", problem)
    }
    defer { closedir(stream) }
    while let (name, isDirectory) = try next(of: stream) {
      if case .stop = try body(name, isDirectory) { return }
    }
  }

  private func next(of stream: OpaquePointer) throws(Failure) -> (FileName, Bool)? {
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        guard errno == 0 else { throw .system(path, "cannot list the directory", errno) }
        return nil
      }
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if let name = FileName(bytes: bytes) { return (name, entry.pointee.d_type == UInt8(DT_DIR)) }
    }
  }

  /// The time on the file system's own clock, in nanoseconds since 1970: the directory is touched and asked. Comparing
  /// a file's times with this instead of our clock is immune to a file server whose clock is off. `nil` when it may
  /// not be touched.
  func fileSystemNow() -> Int64? {
    var status = stat()
    guard futimens(descriptor.number, nil) == 0, fstat(descriptor.number, &status) == 0 else { return nil }
    return FileIdentity.nanoseconds(status.st_mtim)
  }

  /// All of a file; `nil` when it is not there, or no regular file and therefore never read, or larger than a workflow may be.
  func content(of name: FileName) throws(Failure) -> (bytes: [UInt8], status: FileStatus)? {
    switch try open(name) {
    case .missing: return nil
    case .notAFile: return nil
    case .denied: throw Failure(.io, subject: path(of: name), message: "may not be read by this user")
    case .opened(let descriptor):
      let status = try descriptor.status(of: path(of: name))
      guard status.kind == .regular, status.identity.size <= SpoolRules().maxBytes else { return nil }
      return (try descriptor.read(Int(status.identity.size), from: 0, path(of: name)), status)
    }
  }
}

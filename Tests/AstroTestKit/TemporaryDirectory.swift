import Glibc

/// An empty directory of its own for one test, removed with all it holds when the test lets go of it.
public final class TemporaryDirectory: Sendable {
  public let path: String

  public init() {
    var template = Array("/tmp/astro-test-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "cannot make a temporary directory: \(String(cString: strerror(errno)))")
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    Self.empty(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    rmdir(path)
  }

  public func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Removes all that the directory open as `directory` holds, by the bytes of the names and without following links,
  /// and closes it.
  private static func empty(_ directory: Int32) {
    guard directory >= 0, let stream = fdopendir(directory) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      withUnsafePointer(to: &entry.pointee.d_name) { name in
        name.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { return }
          if unlinkat(directory, name, 0) == 0 { return }
          empty(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
          unlinkat(directory, name, AT_REMOVEDIR)
        }
      }
    }
  }
}

public import AstroCore
import Glibc

/// The names in a directory.
public enum Listing {
  /// In no order, without `.` and `..`; none when it does not exist.
  public static func names(in path: String) throws(Failure) -> [String] {
    guard let stream = opendir(path) else {
      if errno == ENOENT { return [] }
      throw .kernel(.io, path, "cannot list")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// The same where one that cannot be read may pass for an empty one.
  public static func readable(in path: String) -> [String] { (try? names(in: path)) ?? [] }
}

import Glibc

/// A folder with checkouts of public collections of test cases; `Tests/Corpora.md` says which. They are not kept here, so
/// their tests run only where `make corpora` has set it, and fail there when one is missing.
public enum Corpus {
  public static let directory = getenv("ASTRO_CORPORA").map { String(cString: $0) }

  /// The files of a folder of it, by name; none when it is not there.
  public static func files(in folder: String) -> [(name: String, bytes: [UInt8])] {
    let path = "\(directory ?? "")/\(folder)"
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted().map { ($0, bytes(of: "\(path)/\($0)")) }
  }

  private static func bytes(of path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
  }
}

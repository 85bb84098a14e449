import AstroCore
import Glibc

/// Which home a runner works in: the second line of its lock file, `<device>:<inode> <path>`.
///
/// A home that is copied while its tasks run takes their numbers and names along; without this its runner would take the
/// processes of the other home for its own and kill them.
struct HomeMark: Equatable {
  /// Device and inode of the data directory: they stay when the home is moved or mounted elsewhere, and differ in a copy.
  let directory: String
  /// What its tasks find in `ASTRO_HOME`, by which their processes are told from those of a copy.
  let path: String

  init(dataDirectory: String, home: String) throws(Failure) {
    guard let directory = Self.directory(dataDirectory) else {
      throw .kernel(.io, dataDirectory, "cannot examine the directory")
    }
    self.directory = directory
    path = home
  }

  /// - Parameter text: the content of a lock file. The path may hold newlines.
  init?(parsing text: String) {
    let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    guard lines.count == 2, lines[1].hasSuffix("\n") else { return nil }
    let fields = lines[1].dropLast().split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
    guard fields.count == 2, fields[0].contains(":"), fields[1].hasPrefix("/") else { return nil }
    directory = String(fields[0])
    path = String(fields[1])
  }

  var text: String { "\(directory) \(path)\n" }

  func isOf(dataDirectory: String) -> Bool { directory == Self.directory(dataDirectory) }

  private static func directory(_ path: String) -> String? {
    var status = stat()
    return stat(path, &status) == 0 ? "\(status.st_dev):\(status.st_ino)" : nil
  }
}

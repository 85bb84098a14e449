import AstroCore
import CLinux
import Glibc

/// What a sandbox is shown of the run's files. The order names them, and whoever wrote it need not have the rights of this process:
/// each is opened step by step and through no link, so that no spelling leads out of the directory.
struct SandboxSources: ~Copyable {
  struct Source {
    /// Below the working directory.
    let path: String
    /// O_PATH: it can be mounted, and its content is not touched.
    let descriptor: Int32
    let isDirectory: Bool
  }

  private(set) var files: [Source] = []

  init(_ order: SandboxOrder) throws(SandboxRefusal) {
    var paths = order.files
    if case .file(let path) = order.code { paths.append(path) }
    for path in paths where !files.contains(where: { $0.path == path }) {
      files.append(try Self.open(path, below: order.runFiles))
    }
  }

  deinit { for file in files { close(file.descriptor) } }

  private static func open(_ path: String, below directory: String) throws(SandboxRefusal) -> Source {
    let steps = path.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
    guard steps.allSatisfy({ !["", "..", "."].contains($0) }) else {
      throw refusal(path, "is not a path below the run's files")
    }
    var place = clinux_open_place_at(AT_FDCWD, directory, O_DIRECTORY)
    for step in steps where place >= 0 {
      let next = clinux_open_place_at(place, step, O_NOFOLLOW)
      let problem = errno
      close(place)
      errno = problem
      place = next
    }
    guard place >= 0 else { throw refusal(path, "cannot be opened: \(String(cString: strerror(errno)))") }
    var status = stat()
    guard fstat(place, &status) == 0, [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else {
      close(place)
      throw refusal(path, "is neither a regular file nor a directory")
    }
    return Source(path: path, descriptor: place, isDirectory: status.st_mode & S_IFMT == S_IFDIR)
  }

  private static func refusal(_ path: String, _ flaw: String) -> SandboxRefusal {
    SandboxRefusal("file '\(Terminal.printable(path))' \(flaw)", infrastructure: false)
  }
}

import ArgumentParser
import AstroConfiguration
import AstroCore
import CLinux
import Glibc

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a home with a commented configuration and an example.",
    discussion: """
      Files that are there already stay as they are, so it may be repeated, and finishes what an earlier one could not. \
      spool/ and logs/ are made for their owner alone. Where others may submit, chmod 1733 spool/ lets them drop files \
      there, but not list, change or take away those of each other. In data/ others reach the metrics and the health, \
      nothing else.
      """)
  @Argument(help: "The directory; made when missing, its parent is not.") var directory = "."

  func run() throws {
    let home = NewHome(directory)
    try home.make()
    for path in home.made { Message.note("made \(path)") }
    if home.made.isEmpty { Message.note("\(directory) was complete, nothing is changed") }
    let place = ShellWord.quoted(directory)
    let example = ShellWord.quoted("\(directory)/workflows/\(ExampleWorkflow.name)")
    Output.line("\(Terminal.printable(directory)) is a home; next:")
    Output.line(Terminal.printable("  cp \(example) \(ShellWord.quoted("\(directory)/spool/"))"))
    Output.line(Terminal.printable("  astro drain --home \(place)"))
  }
}

/// A directory on its way to become a home.
private final class NewHome {
  private let root: String
  /// What was not there before.
  private(set) var made: [String] = []

  init(_ root: String) { self.root = root }

  /// Every step keeps what is there. The file that makes a directory a home comes last: killed before, there is no home,
  /// and the next call completes it.
  func make() throws(Failure) {
    try makeRoot()
    for name in ["config", "workflows"] { try makeDirectory(name, 0o755) }
    try makeDirectory("logs", 0o700)
    try makeDirectory("spool", 0o700)
    // Before anybody is let into spool/, who could make them before us.
    for place in Place.allCases { try makeDirectory("spool/\(place.rawValue)", 0o700) }
    // Others may pass through it, not list it: node_exporter and probes read their files in it.
    try makeDirectory("data", 0o711)
    try write("workflows/\(ExampleWorkflow.name)", ExampleWorkflow.text)
    try write("config/models.yaml", ConfigurationTemplate.models)
    try write("config/agents.yaml", ConfigurationTemplate.agents)
    try write(Home.mark, ConfigurationTemplate.system)
  }

  private func makeRoot() throws(Failure) {
    if mkdir(root, 0o755) == 0, chmod(root, 0o755) == 0 { return made.append(root) }
    let problem = errno
    guard problem != EEXIST || !isDirectory(root) else { return }
    switch problem {
    case ENOENT:
      let slash = root.lastIndex(of: "/")
      let parent = slash.map { String(root[..<$0]) } ?? "."
      throw Failure(
        .cannotCreate, subject: root,
        message: "cannot be made: there is no directory \(parent); make it first: mkdir -p \(ShellWord.quoted(parent))")
    case EEXIST:
      throw Failure(.cannotCreate, subject: root, message: "cannot become a home: it is not a directory")
    default: throw cannot(root, "be made", problem)
    }
  }

  private func makeDirectory(_ name: String, _ mode: mode_t) throws(Failure) {
    let path = "\(root)/\(name)"
    // The umask is narrower.
    if mkdir(path, mode) == 0, chmod(path, mode) == 0 { return made.append(path) }
    let problem = errno
    if problem == EEXIST {
      guard !isDirectory(path) else { return }
      throw Failure(.cannotCreate, subject: path, message: "is in the way: it is not a directory")
    }
    throw cannot(path, "be made", problem)
  }

  /// Writes under a dot name and links it to its own: link(2) never replaces what somebody wrote, and a full disk or a
  /// kill leaves no half of a file under a name that is read. At worst a dot file stays, which the next call replaces.
  private func write(_ name: String, _ text: String) throws(Failure) {
    let path = "\(root)/\(name)"
    var status = stat()
    if lstat(path, &status) == 0 { return }
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    let temporary = "\(path[..<slash])/.\(path[path.index(after: slash)...]).new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw cannot(path, "be made", errno) }
    defer { unlink(temporary) }
    let problem = fchmod(descriptor, 0o644) == 0 ? fill(descriptor, Array(text.utf8)) : errno
    guard problem == 0 else { throw cannot(path, "be written", problem) }
    if link(temporary, path) == 0 { return made.append(path) }
    // Somebody was faster, or the file system knows no links: renaming without replacing is the same promise there.
    guard errno != EEXIST else { return }
    guard clinux_rename_noreplace(AT_FDCWD, temporary, AT_FDCWD, path) == 0 else {
      if errno == EEXIST { return }
      throw cannot(path, "be made", errno)
    }
    made.append(path)
  }

  /// Writes, makes durable and closes: a full disk is told by any of the three. `errno`, or 0.
  private func fill(_ descriptor: Int32, _ bytes: [UInt8]) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let problem = count == 0 ? ENOSPC : errno
        close(descriptor)
        return problem
      }
      rest = rest.dropFirst(count)
    }
    let problem = fsync(descriptor) == 0 ? 0 : errno
    return close(descriptor) == 0 ? problem : errno
  }

  private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private func cannot(_ path: String, _ verb: String, _ problem: Int32) -> Failure {
    Failure(
      .cannotCreate, subject: path, message: "cannot \(verb)",
      errno: problem, reason: String(cString: strerror(problem)))
  }
}

public import AstroCore
import Glibc

/// The files one runner keeps below `data/`: its lock, its warden's lock, the exit log, what it is reading, and
/// scratch output.
public struct RunnerFiles: Sendable, Equatable {
  public let dataDirectory: String
  public let runnerID: String

  /// Refuses an identifier that could leave its directory or be taken for a name still under construction.
  public init(dataDirectory: String, runnerID: String) throws(Failure) {
    guard (1...100).contains(runnerID.utf8.count), runnerID.utf8.allSatisfy(Self.isAllowed) else {
      throw Failure(.usage, subject: "runner '\(runnerID)'", message: "is not made of 1 to 100 of A-Z a-z 0-9 _ -")
    }
    self.dataDirectory = dataDirectory
    self.runnerID = runnerID
  }

  public var directory: String { "\(dataDirectory)/runners" }
  public var scratchDirectory: String { "\(dataDirectory)/scratch" }
  public var lock: String { "\(directory)/\(runnerID).lock" }
  public var warden: String { "\(directory)/\(runnerID).warden" }
  public var exits: String { "\(directory)/\(runnerID).exits" }
  /// Which file of the spool the runner is reading.
  public var reading: String { "\(directory)/\(runnerID).reading" }
  /// Where its warden keeps control groups, one path a line.
  public var groups: String { "\(directory)/\(runnerID).groups" }
  /// How the group that holds them is called. Device and inode of the directory tell runners of one name in two homes apart.
  var groupName: String {
    var status = stat()
    guard stat(directory, &status) == 0 else { return "astro-\(runnerID)-0" }
    return "astro-\(runnerID)-\(status.st_dev)-\(status.st_ino)"
  }
  /// What the names of all these end in, behind the runner's identifier and a dot.
  static let endings: Set<String> = ["lock", "warden", "exits", "reading", "groups"]

  /// The full path of a scratch file that a record names.
  public func scratch(_ name: String) -> String { "\(scratchDirectory)/\(name)" }

  /// A record whose scratch names are made paths.
  func resolving(_ record: ExitRecord) -> ExitRecord {
    var record = record
    record.stdout = record.stdout.map(scratch)
    record.stderr = record.stderr.map(scratch)
    return record
  }

  /// Makes `runners/` and `scratch/`, mode 0700, when they are missing. Survives a crash anywhere: it is repeated.
  public func makeDirectories() throws(Failure) {
    for path in [directory, scratchDirectory] where mkdir(path, 0o700) != 0 && errno != EEXIST {
      throw .kernel(.cannotCreate, path, "cannot make the directory")
    }
  }

  /// Removes what a finished or wholly adopted runner leaves: its exit log, its warden's file, and scratch files that
  /// hold nothing. Output nobody took stays: it is never ours to delete. The runner's lock stays as well, because
  /// whoever calls this holds it. A crash half-way leaves files that the next call removes.
  public func remove() throws(Failure) {
    for name in try Listing.names(in: scratchDirectory) {
      var status = stat()
      let path = scratch(name)
      if name.hasSuffix(Self.cutSuffix), isOwnScratch(String(name.dropLast(Self.cutSuffix.utf8.count))) {
        try Self.unlinkIfPresent(path)
      } else if isOwnScratch(name), lstat(path, &status) == 0, status.st_size == 0 {
        try Self.unlinkIfPresent(path)
      }
    }
    try removeGroups()
    try Self.unlinkIfPresent(warden)
    try Self.unlinkIfPresent(exits)
    try Self.unlinkIfPresent(reading)
  }

  /// Its control groups, with what may still be in them: every attempt of it has its end. Some process may take its time to
  /// die; then the groups stay, empty and in nobody's way.
  private func removeGroups() throws(Failure) {
    for path in (ControlFile.read(groups) ?? "").split(separator: "\n") where path.hasSuffix("/\(groupName)") {
      ControlGroup.remove(String(path), killing: true)
    }
    try Self.unlinkIfPresent(groups)
  }

  /// Gives an exit log that cannot be read a name under which it is kept for people. A crash before it leaves it to the next.
  public func keepDamagedLog() throws(Failure) {
    guard rename(exits, exits + ".damaged") == 0 || errno == ENOENT else {
      throw .kernel(.io, exits, "cannot rename the damaged exit log")
    }
  }

  /// Of a file that is being written to take another's place: see ``OutputBound``.
  static let cutSuffix = ".cut"

  /// `<runner>-<number>.out` or `.err`; the digits keep runner `a` from touching the files of runner `a-1`.
  func isOwnScratch(_ name: String) -> Bool {
    guard name.hasPrefix(runnerID + "-"), name.hasSuffix(".out") || name.hasSuffix(".err") else { return false }
    let number = name.utf8.dropFirst(runnerID.utf8.count + 1).dropLast(4)
    return !number.isEmpty && number.allSatisfy { (0x30...0x39).contains($0) }
  }

  static func unlinkIfPresent(_ path: String) throws(Failure) {
    if unlink(path) != 0, errno != ENOENT { throw .kernel(.io, path, "cannot remove") }
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

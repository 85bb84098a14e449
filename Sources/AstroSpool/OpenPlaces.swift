import AstroCore
import Glibc

/// What has become of the directories that were opened.
public enum SpoolIntegrity: Sendable, Equatable {
  case intact
  /// The path leads to another directory than the one that is open.
  case replaced(path: String)
  /// Nothing has that path any more.
  case missing(path: String)
  /// The path cannot be followed: `errno` of stat(2).
  case unreachable(path: String, errno: Int32)
}

/// The spool and its sub-directories, open for as long as the runner lives.
struct OpenPlaces {
  let spool: Directory
  /// The file system all of them are on (st_dev).
  let device: UInt64
  private let directories: [Place: Directory]

  init(spool path: String) throws(Failure) {
    spool = try Directory(path: path)
    device = try spool.descriptor.status(of: path).identity.device
    var directories: [Place: Directory] = [:]
    for place in Place.allCases {
      let directory = try Directory(place.rawValue, in: spool)
      guard try directory.descriptor.status(of: directory.path).identity.device == device else {
        throw Failure(
          .cannotCreate, subject: directory.path, message: "lies on another file system than \(path)", errno: EXDEV,
          reason: String(cString: strerror(EXDEV)))
      }
      try Self.requireOurs(directory, under: spool)
      directories[place] = directory
    }
    self.directories = directories
  }

  /// Where others may drop files they may also have made `done/` before us: what is settled there would be theirs.
  private static func requireOurs(_ directory: Directory, under spool: Directory) throws(Failure) {
    var parent = stat()
    var status = stat()
    guard fstat(spool.descriptor.number, &parent) == 0, fstat(directory.descriptor.number, &status) == 0 else {
      throw .system(directory.path, "cannot read its status", errno)
    }
    var owners = Owners()
    guard [0, geteuid(), parent.st_uid].contains(status.st_uid) else {
      throw Failure(
        .configuration, subject: directory.path,
        message:
          "belongs to \(owners.name(of: status.st_uid)), who could change what is settled in it; move it out of the "
          + "spool, astro makes its own")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw Failure(
        .configuration, subject: directory.path,
        message:
          "may be written to by others, who could change what is settled in it; close it: chmod go-w \(directory.path)")
    }
  }

  subscript(place: Place) -> Directory {
    guard let directory = directories[place] else { preconditionFailure("every place is opened at the start") }
    return directory
  }

  var active: Directory { self[.active] }
  var rejected: Directory { self[.rejected] }

  /// Throws when no file can be moved from `spool/` to `active/`.
  func requireWritable() throws(Failure) {
    try spool.requireWritable()
    try active.requireWritable()
  }

  func integrity() -> SpoolIntegrity {
    for directory in [spool] + Place.allCases.map({ self[$0] }) {
      switch Self.integrity(of: directory) {
      case .intact: continue
      case .replaced, .missing, .unreachable: return Self.integrity(of: directory)
      }
    }
    return .intact
  }

  private static func integrity(of directory: Directory) -> SpoolIntegrity {
    var found = stat()
    guard stat(directory.path, &found) == 0 else {
      let problem = errno
      return problem == ENOENT
        ? .missing(path: directory.path) : .unreachable(path: directory.path, errno: problem)
    }
    var held = stat()
    guard fstat(directory.descriptor.number, &held) == 0 else {
      return .unreachable(path: directory.path, errno: errno)
    }
    let same = found.st_dev == held.st_dev && found.st_ino == held.st_ino
    return same ? .intact : .replaced(path: directory.path)
  }
}

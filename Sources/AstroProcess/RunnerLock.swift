public import AstroCore
import CLinux
import Glibc

/// The proof that a runner lives: `data/runners/<id>.lock`, held with flock(2) until it is released or the process
/// ends, however it ends. Never a time-out, never a pid: a stopped runner still owns its runs.
public final class RunnerLock {
  public let files: RunnerFiles
  private let file: LockedFile

  private init(files: RunnerFiles, file: consuming LockedFile) {
    self.files = files
    self.file = file
  }

  /// Makes and takes the lock of a new runner. Throws when the identifier is in use already.
  /// - Parameter home: what its tasks find in `ASTRO_HOME`.
  public static func acquire(dataDirectory: String, id: String, home: String) throws(Failure) -> RunnerLock {
    let files = try RunnerFiles(dataDirectory: dataDirectory, runnerID: id)
    try files.makeDirectories()
    let owner = ProcessIdentity.current().map(OwnerLine.init)?.text ?? "\n"
    let mark = try HomeMark(dataDirectory: dataDirectory, home: home)
    guard
      let file = try LockedFile.create("\(id).lock", in: files.directory, content: owner + mark.text, replacing: false)
    else { throw Failure(.cannotCreate, subject: files.lock, message: "another runner has this identifier") }
    return RunnerLock(files: files, file: file)
  }

  /// Takes the lock of runner `id` if that runner is gone; nil while it lives or another adopter was faster. Whoever
  /// gets it adopts the runner's runs. A lock file that a power cut took away is made anew, without an owner in it.
  public static func takeIfFree(dataDirectory: String, id: String) throws(Failure) -> RunnerLock? {
    let files = try RunnerFiles(dataDirectory: dataDirectory, runnerID: id)
    switch try LockedFile.claim(files.lock) {
    case .taken(let file): return RunnerLock(files: files, file: file)
    case .held: return nil
    case .absent:
      try files.makeDirectories()
      guard let file = try LockedFile.create("\(id).lock", in: files.directory, content: "", replacing: false)
      else { return nil }
      return RunnerLock(files: files, file: file)
    }
  }

  /// The identifiers of all runners that have a lock file, alive or not, sorted.
  public static func all(dataDirectory: String) throws(Failure) -> [String] {
    try Listing.names(in: "\(dataDirectory)/runners")
      .filter { $0.hasSuffix(".lock") && !$0.hasPrefix(".") }.map { String($0.dropLast(5)) }.sorted()
  }

  /// The identifiers of all runners that have left anything here, sorted: a warden that was still ending when its runner's
  /// files were removed can write one of its own anew, and then there is no lock that tells of it.
  public static func traces(dataDirectory: String) throws(Failure) -> [String] {
    let names = try Listing.names(in: "\(dataDirectory)/runners").filter { !$0.hasPrefix(".") }
    let identifiers = names.compactMap { name -> String? in
      let parts = name.split(separator: ".", maxSplits: 1)
      return parts.count == 2 && RunnerFiles.endings.contains(String(parts[1])) ? String(parts[0]) : nil
    }
    return Set(identifiers).sorted()
  }

  /// Removes the dot files of runners and wardens that died before their lock had its name: nobody holds them, and nothing
  /// reads them.
  /// - Returns: how many were removed.
  public static func removeUnborn(dataDirectory: String) throws(Failure) -> Int {
    try Listing.names(in: "\(dataDirectory)/runners").count {
      $0.hasPrefix(".") && clinux_remove_unlocked(AT_FDCWD, "\(dataDirectory)/runners/\($0)") != 0
    }
  }

  /// Throws when others cannot see any more that its runner lives.
  public func requireNamed() throws(Failure) { try file.requireNamed(files.lock) }

  /// Unlinks the lock file of a runner that left nothing behind. Still locked at that moment: one who opened it just
  /// before finds it nameless and gives up. The lock itself ends with this object.
  public func remove() throws(Failure) { try RunnerFiles.unlinkIfPresent(files.lock) }
}

public import AstroCore
import Glibc

/// Which home takes files from a spool: `active/.home`, `<inode of active/> <path of the home's data directory>`.
///
/// Two homes on one spool would each take what the other has claimed for the rest of a crash, and run it once more.
struct SpoolOwner: Equatable {
  static let file = FileName(minted: ".home")

  /// Of `active/`: in a copy of a home it is another, and what is copied with it says nothing of the copy.
  let inode: UInt64
  let dataDirectory: String

  init(active: Directory, dataDirectory: String) throws(Failure) {
    inode = try active.descriptor.status(of: active.path).identity.inode
    self.dataDirectory = dataDirectory
  }

  /// - Parameter bytes: the content of the file. The path may hold newlines.
  init?(parsing bytes: [UInt8]) {
    let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
    guard fields.count == 2, let inode = UInt64(fields[0]), fields[1].hasPrefix("/"), fields[1].hasSuffix("\n") else {
      return nil
    }
    self.inode = inode
    dataDirectory = String(fields[1].dropLast())
  }

  var bytes: [UInt8] { Array("\(inode) \(dataDirectory)\n".utf8) }

  /// What the spool with this `active/` says; `nil` when that is nothing, or of the directory it was copied from.
  static func noted(in active: Directory) throws(Failure) -> SpoolOwner? {
    guard let found = try active.content(of: file).flatMap({ SpoolOwner(parsing: $0.bytes) }) else { return nil }
    return try found.inode == active.descriptor.status(of: active.path).identity.inode ? found : nil
  }

  /// Whether the home is still there, and not the one with this data directory under another path.
  func isAnother(than own: String) -> Bool {
    var theirs = stat()
    guard stat(dataDirectory, &theirs) == 0 else { return errno != ENOENT && errno != ENOTDIR }
    var ours = stat()
    return stat(own, &ours) != 0 || (theirs.st_dev, theirs.st_ino) != (ours.st_dev, ours.st_ino)
  }

  func refusal(of spool: String) -> Failure {
    Failure(
      .configuration, subject: spool,
      message: "is the spool of another home, whose data is in \(dataDirectory); give each its own with spool_dir, or "
        + "remove \(spool)/active/\(Self.file) when that one does not use it any more")
  }
}

extension Spool {
  /// Notes that the home with this data directory takes files from here, unless another one does.
  ///
  /// A home that was moved keeps its spool, and a copied one has its own. A power cut may take the note away again: the next
  /// runner writes it anew.
  /// - Throws: `configuration` when the spool is another home's.
  public func take(for dataDirectory: String) throws(Failure) {
    let own = try SpoolOwner(active: places.active, dataDirectory: dataDirectory)
    while true {
      let found = try SpoolOwner.noted(in: places.active)
      if found == own { return }
      if let found, found.isAnother(than: dataDirectory) { throw found.refusal(of: directory) }
      if try places.active.status(of: SpoolOwner.file) != nil {
        return try places.active.write(own.bytes, to: places.active, as: SpoolOwner.file)
      }
      // Else another home noted itself at the same time.
      if try places.active.create(own.bytes, as: SpoolOwner.file) { return }
    }
  }

  /// What ``take(for:)`` would refuse, of a spool that is not opened; `nil` when nothing, or when it has no `active/` yet.
  public static func refusal(of directory: String, for dataDirectory: String) throws(Failure) -> Failure? {
    guard access("\(directory)/active", F_OK) == 0 else { return nil }
    let found = try SpoolOwner.noted(in: Directory(path: "\(directory)/active"))
    return found.flatMap { $0.isAnother(than: dataDirectory) ? $0.refusal(of: directory) : nil }
  }
}

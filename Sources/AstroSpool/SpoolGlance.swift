public import AstroCore
import Glibc

/// `spool/` as anybody may look at it: names, stat(2) and content. It takes no lease, makes nothing and moves nothing,
/// so that neither a runner nor a writer notices.
public final class SpoolGlance {
  private let spool: Directory
  private var owners = Owners()

  /// One name that a runner would look at, too.
  public struct Sight: Sendable {
    public let entry: SpoolEntry
    public let isRegular: Bool
    public let hasOtherNames: Bool
    /// Bytes.
    public let size: Int64
    public let modifiedAt: Timestamp
    public let owner: UInt32
    /// The owner's user name, or the number as text where there is none.
    public let ownerName: String

    public var name: FileName { entry.name }
  }

  /// - Throws: `not_found` when there is no such directory; else what the kernel said.
  public init(_ directory: String) throws(Failure) { spool = try Directory(path: directory) }

  /// Everything in the spool but what it ignores, in the order the file system has it.
  public func files() throws(Failure) -> [Sight] {
    var files: [Sight] = []
    try spool.visit { (name, isDirectory) throws(Failure) in
      let entry = SpoolEntry(name: name)
      guard !isDirectory, entry.kind != .ignored, let sight = try look(at: entry) else { return .goOn }
      files.append(sight)
      return .goOn
    }
    return files
  }

  /// One name; `nil` when nothing, or a directory, has it.
  public func look(at entry: SpoolEntry) throws(Failure) -> Sight? {
    guard let status = try spool.status(of: entry.name), status.kind != .directory else { return nil }
    return Sight(
      entry: entry, isRegular: status.kind == .regular, hasOtherNames: status.links > 1, size: status.identity.size,
      modifiedAt: status.modifiedAt, owner: status.owner, ownerName: owners.name(of: status.owner))
  }

  /// The bytes as they are now; `nil` when they may not be read or it is no regular file any more.
  public func content(of sight: Sight) throws(Failure) -> [UInt8]? {
    guard case .opened(let file) = try spool.open(sight.name) else { return nil }
    let status = try file.status(of: spool.path(of: sight.name))
    guard status.kind == .regular else { return nil }
    return try file.read(Int(status.identity.size), from: 0, spool.path(of: sight.name))
  }
}

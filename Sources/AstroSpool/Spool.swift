public import AstroCore
import Glibc

/// The drop box and the places its files go to: `spool/` with `active/ done/ failed/ cancelled/ rejected/`.
///
/// Every file is in exactly one of them at any time, moved by rename(2) alone; a name in `active/` or a final place is
/// minted, and the file's owner, mode and bytes stay as submitted. All calls are synchronous and made by one thread;
/// any number of processes may share one spool.
public final class Spool {
  /// As given to ``init(directory:rules:clock:)``.
  public let directory: String
  let clock: any AstroCore.Clock
  let inspector: Inspector
  var places: OpenPlaces
  var census = Census()

  /// Opens an existing spool, making its missing sub-directories (0700).
  /// - Throws: `not_found` when there is no such directory; `cannot_create` when a sub-directory lies on another file
  ///   system, where a rename could not reach it; else what the kernel said.
  public convenience init(directory: String, rules: SpoolRules, clock: any AstroCore.Clock) throws(Failure) {
    try self.init(directory: directory, rules: rules, clock: clock, probes: nil)
  }

  init(directory: String, rules: SpoolRules, clock: any AstroCore.Clock, probes: SpoolProbes?) throws(Failure) {
    let places = try OpenPlaces(spool: directory)
    self.directory = directory
    self.clock = clock
    self.places = places
    let isShared = MountTable.current().isShared(device: places.device)
    inspector = Inspector(rules: rules, clock: clock, probes: probes ?? .kernel(isShared: isShared))
  }

  /// The watch on `spool/`, begun when first asked for: a pass that leaves again needs none.
  public private(set) lazy var watch = SpoolWatch(path: directory)

  /// Which file has this name now, and with which content; `nil` when there is none. One fstatat(2): a cheap way to see
  /// that a throttled file need not be read again.
  public func identity(of name: FileName) -> FileIdentity? {
    (try? places.spool.status(of: name))?.identity
  }

  /// Looks at one name in `spool/`: whether it is complete, has to wait, or is refused. Nothing is moved or changed, no
  /// link is followed, and nothing here blocks.
  public func look(at name: FileName) -> Look {
    switch SpoolEntry.Kind(of: name) {
    case .ignored: .ignored
    case .odd(let reason): inspector.look(atOdd: name, in: places.spool, reason)
    case .candidate(let format): inspector.look(at: name, in: places.spool, as: format)
    }
  }

  /// Throws when no file can be taken: `spool/` or `active/` is read-only or not ours to write to.
  public func requireWritable() throws(Failure) { try places.requireWritable() }

  /// Whether the directories held open are still the ones the paths lead to.
  public func integrity() -> SpoolIntegrity { places.integrity() }

  /// Opens the spool anew after ``integrity()`` found it replaced or removed, and watches the new directory. What was
  /// waiting in the old one stays there.
  public func reattach() throws(Failure) {
    places = try OpenPlaces(spool: directory)
    census = Census()
    watch = SpoolWatch(path: directory)
  }
}

import AstroCore

/// How long each file that had to wait has stood still: remembered between looks, because neither its content nor its
/// times alone tell that nothing happens any more.
struct RestTable {
  private struct Key: Hashable {
    let device: UInt64
    let inode: UInt64
  }
  private struct Rest {
    var identity: FileIdentity
    /// Boot microseconds.
    var since: Int64
    var lastLook: Int64
  }

  private var rests: [Key: Rest] = [:]
  private var pruneAt = 1024
  /// A file that nobody has looked at for so long has gone: microseconds.
  private let forgetAfter: Int64

  init(rules: SpoolRules) {
    let longest =
      [rules.restPeriod, rules.newlineGrace, rules.emptyGrace, rules.damageGrace, rules.writerRecheck].max() ?? .zero
    forgetAfter = 2 * max(longest, .seconds(60)).microseconds
  }

  var count: Int { rests.count }

  /// For how long, in microseconds at boot time `now`, every look has found this same identity.
  mutating func rest(of identity: FileIdentity, at now: Int64) -> Int64 {
    let key = Key(device: identity.device, inode: identity.inode)
    if var known = rests[key], known.identity == identity {
      known.lastLook = now
      rests[key] = known
      return now - known.since
    }
    if rests.count >= pruneAt { prune(at: now) }
    rests[key] = Rest(identity: identity, since: now, lastLook: now)
    return 0
  }

  mutating func forget(_ identity: FileIdentity) {
    rests[Key(device: identity.device, inode: identity.inode)] = nil
  }

  /// Keeps the table as small as the set of files that really wait, whatever has come and gone.
  private mutating func prune(at now: Int64) {
    rests = rests.filter { now - $0.value.lastLook <= forgetAfter }
    pruneAt = max(1024, 2 * rests.count)
  }
}

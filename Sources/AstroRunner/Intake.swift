import AstroCore
import AstroScheduling
import AstroSpool

/// What the runner knows of the files in `spool/`: which to look at, which wait and until when, and in what order they
/// are taken. It holds a few words for each file, never its content, so a backlog costs little; a file that waits is
/// not opened again before it is due.
struct Intake {
  /// What a look gave, for the turn it happened in.
  enum Finding {
    case admissible(Candidate, Admission)
    case refused(FileName, Refusal)

    /// Of content in memory, in bytes.
    var size: Int {
      switch self {
      case .admissible(let candidate, _): candidate.bytes.count
      case .refused: 0
      }
    }
  }

  private var unseen = Unseen()
  private var queue = FairQueue<FileName>()
  private var share = FairShare()
  /// How many entries are in it: more than there are names, where files changed while they were queued.
  private var entries = 0
  /// The content each queued name had when it was looked at.
  private var queued: [FileName: FileIdentity] = [:]
  /// Names to look at again.
  private var later = Appointments()
  private var blockedUsers: [String: Int64] = [:]
  /// Files looked at in this turn: most are taken in it, and need not be read twice.
  private var fresh: [FileName: Finding] = [:]
  private var freshSize = 0
  /// Files that cannot be taken, and why not.
  private(set) var stuck: [FileName: Failure] = [:]

  /// How many names one turn looks at: the first files of a backlog start long before its last is seen.
  static let looksPerTurn = 128
  /// How much content one turn keeps in memory, in bytes; one file may be larger.
  static let heldAtMost = 16 << 20
  /// When a file that could not be taken is tried again, unless it changes before.
  private static let stuckPause = Duration.seconds(60)

  mutating func notice(_ names: some Sequence<FileName>) {
    for name in names { unseen.insert(name) }
  }

  /// Takes a whole listing in. Names whose content is known to wait are not looked at again.
  mutating func notice(listing entries: [SpoolEntry], identity: (FileName) -> FileIdentity?) {
    for entry in entries {
      switch later.knowledge(of: entry.name) {
      case .nothing: if let known = queued[entry.name], known == identity(entry.name) { continue }
      case .appointment: continue
      case .content(let known): if known == identity(entry.name) { continue }
      }
      notice(CollectionOfOne(entry.name))
    }
  }

  /// Boot time of the next thing to do here; `nil` when only an event can bring some.
  func nextDue(hasRoom: Bool) -> Int64? {
    if !unseen.isEmpty || (hasRoom && hasAdmissible) { return 0 }
    var due = later.earliest
    if hasRoom, !queue.isEmpty, let opens = blockedUsers.values.min() { due = min(due ?? .max, opens) }
    return due
  }

  /// Whether a file could be taken now.
  var hasAdmissible: Bool { queue.contains { blockedUsers[$0.user] == nil } }
  var hasUnseen: Bool { !unseen.isEmpty }
  /// Boot time at which a file is looked at again that may not be whole yet; linear in the number of files that wait.
  var nextLook: Int64? { later.earliestAppointment }

  /// Lets limits open and pauses end.
  mutating func advance(to boot: Int64) {
    if !blockedUsers.isEmpty { blockedUsers = blockedUsers.filter { $0.value > boot } }
    notice(later.due(at: boot))
  }

  /// Looks at the next few names. Refused ones come back; the others are queued or put off.
  /// - Parameter room: how many of them may be taken in this turn.
  mutating func look(
    in spool: Spool, now: Moment, room: Int, examine: (Candidate) throws(Failure) -> Admission
  ) throws(Failure) -> [Finding] {
    var findings: [Finding] = []
    var size = 0
    for _ in 0..<Self.looksPerTurn {
      guard size < Self.heldAtMost, let name = unseen.removeNext() else { break }
      queued[name] = nil
      guard let finding = try look(at: name, in: spool, now: now, examine: examine) else { continue }
      if case .admissible(let candidate, let admission) = finding, !admission.isRefused {
        putBack(candidate, admission)
        guard fresh.count < room, freshSize < Self.heldAtMost else { continue }
        fresh[name] = finding
        freshSize += finding.size
      } else {
        findings.append(finding)
        size += finding.size
      }
    }
    return findings
  }

  /// `nil` for one that is gone, or has to wait.
  private mutating func look(
    at name: FileName, in spool: Spool, now: Moment, examine: (Candidate) throws(Failure) -> Admission
  ) throws(Failure) -> Finding? {
    later.remove(name)
    switch spool.look(at: name) {
    case .ready(let candidate):
      let admission = try examine(candidate)
      guard let notBefore = admission.plan?.notBefore, notBefore > now.wall else {
        return .admissible(candidate, admission)
      }
      later.put(name, at: now.boot + (notBefore - now.wall).microseconds, candidate.identity)
    case .notYet(let wait): later.put(name, at: max(wait.lookAgainAt, now.boot + 1000), nil)
    case .refused(let refusal): return .refused(name, refusal)
    case .ignored, .gone: stuck[name] = nil
    }
    return nil
  }

  /// Ends the turn: leases and descriptors of what was looked at and not taken are given up.
  mutating func endTurn() {
    fresh.removeAll()
    freshSize = 0
  }

  /// The best file that may be taken now. One looked at in an earlier turn is read again: it may have changed.
  mutating func next(
    in spool: Spool, now: Moment, examine: (Candidate) throws(Failure) -> Admission
  ) throws(Failure) -> Finding? {
    while let head = queue.best(by: share, where: { blockedUsers[$0.user] == nil }) {
      queue.remove(head)
      share.take(head.lane.user)
      share.serve(head.lane.user)
      let entry = head.entry
      entries -= 1
      guard queued.removeValue(forKey: entry.item) != nil else { continue }
      if let finding = fresh.removeValue(forKey: entry.item) { return finding }
      guard let finding = try look(at: entry.item, in: spool, now: now, examine: examine) else { continue }
      if case .admissible(let candidate, let admission) = finding, blockedUsers[admission.user] != nil {
        putBack(candidate, admission)
        continue
      }
      return finding
    }
    return nil
  }

  /// A limit refused this user's file: it and all of theirs wait until `until`.
  mutating func block(user: String, until: Int64) { blockedUsers[user] = until }

  /// The limits may have changed: every user's files are tried again.
  mutating func unblock() { blockedUsers.removeAll() }

  /// Returns a file to the queue, unclaimed.
  mutating func putBack(_ candidate: Candidate, _ admission: Admission) {
    queued[candidate.name] = candidate.identity
    shedStale()
    entries += 1
    queue.insert(
      FairQueue.Entry(
        priority: admission.plan?.priority ?? 0, age: candidate.modifiedAt.microseconds, item: candidate.name),
      in: FairLane(user: admission.user))
  }

  /// Drops the entries of names that went or are there twice, when they have become as many as the others: a file that is
  /// written again and again while its user waits must not fill the queue. Whichever stays, the file is read anew.
  private mutating func shedStale() {
    guard entries > 2 * queued.count + 1024 else { return }
    var seen: Set<FileName> = []
    queue.removeAll { queued[$1] == nil || !seen.insert($1).inserted }
    entries = seen.count
  }

  /// A file was taken.
  mutating func forget(_ name: FileName) { stuck[name] = nil }

  /// A file could not be taken: it is tried again in a minute, or when a listing shows that something about it changed.
  /// - Returns: whether the reason is news.
  mutating func setAside(_ name: FileName, _ identity: FileIdentity?, _ failure: Failure, now: Moment) -> Bool {
    later.put(name, at: now.boot + Self.stuckPause.microseconds, identity)
    return stuck.updateValue(failure, forKey: name)?.errno != failure.errno
  }
}

/// Names heard of and not looked at. The newest is the next; but what can be no workflow by its name comes after all others,
/// which a heap of junk would else keep waiting until the last of it is rejected.
private struct Unseen {
  private var all: Set<FileName> = []
  private var candidates: [FileName] = []
  private var others: [FileName] = []

  var isEmpty: Bool { all.isEmpty }

  mutating func insert(_ name: FileName) {
    guard all.insert(name).inserted else { return }
    if case .candidate = SpoolEntry(name: name).kind { candidates.append(name) } else { others.append(name) }
  }

  mutating func removeNext() -> FileName? {
    guard let name = candidates.popLast() ?? others.popLast() else { return nil }
    all.remove(name)
    return name
  }
}

/// Names to be looked at again, each at its time (boot, microseconds).
private struct Appointments {
  enum Knowledge {
    case nothing
    /// It is looked at when it is due, whatever happens to it.
    case appointment
    /// It need not be looked at before, as long as it is this.
    case content(FileIdentity)
  }

  private var times: [FileName: (due: Int64, content: FileIdentity?)] = [:]
  /// Not after the first of them: names that went leave it as it was.
  private(set) var earliest: Int64?

  var earliestAppointment: Int64? { times.values.lazy.filter { $0.content == nil }.map(\.due).min() }

  func knowledge(of name: FileName) -> Knowledge {
    guard let entry = times[name] else { return .nothing }
    return entry.content.map(Knowledge.content) ?? .appointment
  }

  mutating func put(_ name: FileName, at due: Int64, _ content: FileIdentity?) {
    times[name] = (due, content)
    earliest = min(earliest ?? .max, due)
  }

  mutating func remove(_ name: FileName) {
    if times.removeValue(forKey: name) != nil, times.isEmpty { earliest = nil }
  }

  /// Takes out what is due.
  mutating func due(at boot: Int64) -> [FileName] {
    guard let earliest, earliest <= boot else { return [] }
    let due = times.filter { $0.value.due <= boot }.map(\.key)
    for name in due { times[name] = nil }
    self.earliest = times.values.map(\.due).min()
    return due
  }
}

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
  }

  /// Names heard of and not looked at.
  private var unseen: [FileName] = []
  private var unseenSet: Set<FileName> = []
  private var queue = FairQueue<FileName>()
  /// The content each queued name had when it was looked at.
  private var queued: [FileName: FileIdentity] = [:]
  /// Names to look at again, by boot time.
  private var later: [FileName: Int64] = [:]
  /// When to rise early: of ``later``, only what a pass should not leave behind.
  private(set) var patience: Int64?
  private var blockedUsers: [String: Int64] = [:]
  /// Files looked at in this turn: most are taken in it, and need not be read twice.
  private var fresh: [FileName: Finding] = [:]

  /// How many names one turn looks at: the first files of a backlog start long before its last is seen.
  static let looksPerTurn = 128

  mutating func notice(_ names: some Sequence<FileName>) {
    for name in names where unseenSet.insert(name).inserted { unseen.append(name) }
  }

  /// Takes a whole listing in. Names whose content is known to wait are not looked at again.
  mutating func notice(listing entries: [SpoolEntry], identity: (FileName) -> FileIdentity?) {
    for entry in entries {
      if let known = queued[entry.name], known == identity(entry.name) { continue }
      if later[entry.name] != nil { continue }
      notice(CollectionOfOne(entry.name))
    }
  }

  /// Boot time of the next thing to do here; `nil` when only an event can bring some.
  func nextDue(hasRoom: Bool) -> Int64? {
    if !unseen.isEmpty || (hasRoom && hasAdmissible) { return 0 }
    var due = later.values.min()
    if hasRoom, !queue.isEmpty, let opens = blockedUsers.values.min() { due = min(due ?? .max, opens) }
    return due
  }

  /// Whether a file could be taken now.
  var hasAdmissible: Bool { queue.contains { blockedUsers[$0.user] == nil } }
  var hasUnseen: Bool { !unseen.isEmpty }
  var waiting: Int { queue.count + later.count + unseen.count }

  /// Lets limits open and pauses end.
  mutating func advance(to boot: Int64) {
    blockedUsers = blockedUsers.filter { $0.value > boot }
    for (name, due) in later where due <= boot {
      later[name] = nil
      notice(CollectionOfOne(name))
    }
  }

  /// Looks at the next few names. Refused ones come back; the others are queued or put off.
  mutating func look(
    in spool: Spool, now: Moment, examine: (Candidate) -> Admission
  ) throws(Failure) -> [Finding] {
    var findings: [Finding] = []
    for _ in 0..<min(Self.looksPerTurn, unseen.count) {
      let name = unseen.removeLast()
      unseenSet.remove(name)
      if let finding = try look(at: name, in: spool, now: now, examine: examine) { findings.append(finding) }
    }
    patience = later.values.min()
    return findings
  }

  private mutating func look(
    at name: FileName, in spool: Spool, now: Moment, examine: (Candidate) -> Admission
  ) throws(Failure) -> Finding? {
    later[name] = nil
    queued[name] = nil
    switch try spool.look(at: name) {
    case .ready(let candidate):
      let admission = examine(candidate)
      if admission.isRefused { return .admissible(candidate, admission) }
      enqueue(candidate, admission, now: now)
      return nil
    case .notYet(let wait):
      later[name] = max(wait.lookAgainAt, now.boot + 1000)
      return nil
    case .refused(let refusal): return .refused(name, refusal)
    case .ignored, .gone: return nil
    }
  }

  private mutating func enqueue(_ candidate: Candidate, _ admission: Admission, now: Moment) {
    if let notBefore = admission.plan?.notBefore, notBefore > now.wall {
      later[candidate.name] = now.boot + (notBefore - now.wall).microseconds
      return
    }
    putBack(candidate, admission)
    fresh[candidate.name] = .admissible(candidate, admission)
  }

  /// Ends the turn: leases and descriptors of what was looked at and not taken are given up.
  mutating func endTurn() { fresh.removeAll() }

  /// The best file that may be taken now. One looked at in an earlier turn is read again: it may have changed.
  mutating func next(
    in spool: Spool, now: Moment, examine: (Candidate) -> Admission
  ) throws(Failure) -> Finding? {
    while let entry = queue.pop(where: { blockedUsers[$0.user] == nil }) {
      let name = entry.item
      guard queued.removeValue(forKey: name) != nil else { continue }
      if let finding = fresh.removeValue(forKey: name) { return finding }
      switch try spool.look(at: name) {
      case .ready(let candidate):
        let admission = examine(candidate)
        if let notBefore = admission.plan?.notBefore, notBefore > now.wall {
          enqueue(candidate, admission, now: now)
          continue
        }
        if blockedUsers[admission.user] != nil {
          putBack(candidate, admission)
          continue
        }
        return .admissible(candidate, admission)
      case .notYet(let wait): later[name] = max(wait.lookAgainAt, now.boot + 1000)
      case .refused(let refusal): return .refused(name, refusal)
      case .ignored, .gone: break
      }
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
    queue.insert(
      FairQueue.Entry(
        priority: admission.plan?.priority ?? 0, age: candidate.modifiedAt.microseconds, item: candidate.name),
      in: FairQueue.Lane(user: admission.user))
  }
}

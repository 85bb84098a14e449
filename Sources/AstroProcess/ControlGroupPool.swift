import Glibc

/// The control groups of one warden, below one that is named after its runner: one for each attempt that runs, used again
/// when nothing is left in it, so that a start makes no directory. Those that hold an attempt to limits are made for it.
struct ControlGroupPool: ~Copyable {
  private let name: String
  private let places: ControlGroupPlaces
  private var state: State
  private var next = 1
  private var idle: [ControlGroup] = []
  /// Killed, and not yet empty: a process that is born into a group after it was killed is killed too (seen up to Linux
  /// 6.18), so that none is used again.
  private var dying: [String] = []

  private enum State {
    /// There are none to be had on this machine.
    case absent
    case open(ControlGroupBase)
    /// No more are given out. Those in use are still to come back.
    case givenUp
  }

  /// What became of an attempt's group.
  struct Toll {
    var peakKiB: Int64?
    var ranOutOfMemory = false
  }

  /// Says in `record` first where the groups will be, for whoever cleans up after a crash.
  init(name: String, record: String, places: ControlGroupPlaces = .ofThisProcess()) {
    self.name = name
    self.places = places
    let candidates = ControlGroupBase.candidates(name, places)
    let text = candidates.map { $0 + "\n" }.joined()
    guard !candidates.isEmpty, let file = Descriptor(opening: record, O_WRONLY | O_CREAT | O_TRUNC),
      ControlFile.write(text, to: file)
    else {
      state = .absent
      return
    }
    state = ControlGroupBase.make(name, places).map { .open($0) } ?? .absent
  }

  /// How often they were looked at since.
  private var looks = 0

  /// Milliseconds until those that were killed are to be looked at again; nil when all of them are gone. Mostly they are in
  /// a moment, of which nothing tells; a process that does not die keeps its group for ever.
  var pause: Int32? { dying.isEmpty ? nil : min(1000, 2 << Int32(min(looks, 10))) }

  /// Descriptors or memory are short for the moment: no reason to go on without a group.
  struct Shortage: Error {
    let errno: Int32
  }

  /// An empty group; nil where there are none, and then limits are those that setrlimit(2) knows.
  mutating func take(_ asked: Confinement) throws(Shortage) -> ControlGroup? {
    guard case .open(let base) = state else { return nil }
    let group =
      asked.isLimited
      ? makeLimited(asked, base)
      : idle.popLast() ?? makeDirectory(in: base.path).flatMap { ControlGroup(at: $0, base.layout) }
    guard let group else {
      if [EMFILE, ENFILE, ENOMEM].contains(errno) { throw Shortage(errno: errno) }
      return nil
    }
    group.begin()
    return group
  }

  private mutating func makeLimited(_ asked: Confinement, _ base: ControlGroupBase) -> ControlGroup? {
    guard let path = makeDirectory(in: base.path) else { return nil }
    let number = path.split(separator: "/").last ?? ""
    let limits = ControlGroupLimits(asked, group: path, controllers: base.controllers) { controller in
      guard let directory = places.legacy[controller].map({ "\($0)/\(name)" }) else { return nil }
      guard ControlGroupBase.makeDirectory(directory), ControlGroupBase.makeDirectory("\(directory)/\(number)") else {
        return nil
      }
      return "\(directory)/\(number)"
    }
    return ControlGroup(at: path, base.layout, limits: limits)
  }

  /// A warden before this one may have left groups of these names, with processes in them.
  private mutating func makeDirectory(in base: String) -> String? {
    while true {
      let path = "\(base)/\(next)"
      next += 1
      if mkdir(path, 0o755) == 0 { return path }
      if errno != EEXIST { return nil }
    }
  }

  /// Takes the group of an ended attempt back, and kills what the attempt left in it.
  mutating func putBack(_ group: ControlGroup) -> Toll {
    let wasEmpty = group.isEmpty
    if !wasEmpty { group.kill() }
    let toll = Toll(peakKiB: group.peakKiB, ranOutOfMemory: group.limits?.ranOut ?? false)
    if case .open = state, wasEmpty, group.limits == nil {
      idle.append(group)
    } else {
      dying += [group.path] + (group.limits?.directories ?? [])
      removeDying()
    }
    return toll
  }

  /// Forgets those waiting to be used again whose directories somebody has removed: none is born into them any more.
  mutating func forgetRemoved() { idle.removeAll { access($0.path, F_OK) != 0 && errno == ENOENT } }

  /// No more groups from here on. Nothing is killed: attempts that run in theirs have nothing to do with why.
  mutating func giveUp() {
    for group in idle { rmdir(group.path) }
    idle.removeAll()
    state = .givenUp
    // Not while groups are in use below them; then at the end.
    for path in ControlGroupBase.candidates(name, places) { rmdir(path) }
  }

  /// Removes those that have become empty.
  mutating func removeDying() {
    dying.removeAll { ControlGroup.remove($0, killing: false) }
    looks = dying.isEmpty ? 0 : looks + 1
  }

  /// Removes all of them. What cannot be removed now is left to the next runner, by the record.
  mutating func removeAll() {
    if case .absent = state { return }
    idle.removeAll()
    for path in ControlGroupBase.candidates(name, places) { ControlGroup.remove(path, killing: true) }
  }
}

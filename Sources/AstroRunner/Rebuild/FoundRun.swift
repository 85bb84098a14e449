import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroSpool

/// Everything that is left of one run, each witness as it says it.
struct FoundRun {
  let id: WorkflowID
  /// Where its file lies; `nil` when it lies nowhere.
  var place: Place?
  var format = SubmissionFormat.yaml
  /// Whether anything but the old journal tells of it.
  var isOnDisk = true
  var receipt: Receipt?
  var record: WrittenRun?
  var events = ToldEvents()
  /// What the damaged journal still says.
  var rows = Salvage.Run()
  /// Of each attempt that a dead runner's warden tells of: who launched it, and how it ended.
  var commands: [AttemptKey: Traces.Command] = [:]
  /// The submitted bytes, from wherever they lie, with the name of that place.
  var contents: [(source: String, bytes: [UInt8])] = []
  /// Of the file.
  var owner: UInt32?
  var modifiedAt: Timestamp?

  /// Whether the journal must have known it: what is written for a run is written after its row was committed. A file in
  /// `active/` without any of it was claimed just before a crash, and is admitted by the next runner.
  var wasAdmitted: Bool {
    place.map { $0 != .active } == true || rows.run != nil || record != nil || !events.isEmpty || !commands.isEmpty
      || contents.contains { $0.source == Traces.kept }
  }

  /// The names of those who tell of it.
  var witnesses: [String] {
    var names: [String] = []
    if rows.run != nil || rows.content != nil { names.append("the old journal") }
    if record != nil { names.append("run.json") }
    if receipt != nil { names.append("its receipt") }
    if !events.isEmpty { names.append("events.jsonl") }
    if !commands.isEmpty { names.append("the exit log") }
    return names.isEmpty ? ["its file"] : names
  }
}

/// Where runs leave traces besides the journal: the spool, their directories, the logs of wardens.
struct Traces {
  struct Command {
    var runner: String
    /// `nil` while it is not recorded.
    var end: ExitRecord?
    var startedAt: Timestamp
  }

  /// The source of bytes that a runner has kept in the run's directory.
  static let kept = "data/runs"

  let home: Home
  let spool: Spool
  private(set) var runs: [WorkflowID: (place: Place?, format: SubmissionFormat)] = [:]
  /// Files in `active/` that were claimed to be rejected: the next runner gives them back.
  private(set) var refused: [FileName] = []
  private var commands: [WorkflowID: [AttemptKey: Command]] = [:]
  /// Exit logs that cannot be read to their end.
  private(set) var damaged: [Failure] = []

  init(home: Home, spool: Spool) throws(Failure) {
    self.home = home
    self.spool = spool
    for name in Listing.readable(in: home.runs) {
      if let id = WorkflowID(minted: name) { runs[id] = (nil, .yaml) }
    }
    for file in try spool.activeFiles() {
      switch file.state {
      case .claimed(let format): runs[file.id] = (.active, format)
      case .refused: refused.append(file.name)
      }
    }
    // A final place outweighs `active/`: a receipt is there before its file is moved.
    for place in Place.allCases where place != .active {
      for file in try spool.settled(in: place) {
        let isMoved = try spool.holds(file.id, file.format, in: place)
        if isMoved || runs[file.id]?.place == nil { runs[file.id] = (place, file.format) }
      }
    }
    for runner in try Self.runners(home.data) { try survey(runner) }
  }

  private static func runners(_ data: String) throws(Failure) -> Set<String> {
    Set(
      try RunnerLock.all(dataDirectory: data)
        + Listing.names(in: data + "/runners").filter { $0.hasSuffix(".exits") && !$0.hasPrefix(".") }
        .map { String($0.dropLast(6)) })
  }

  private mutating func survey(_ runner: String) throws(Failure) {
    let wreck = try Wreck.survey(dataDirectory: home.data, runnerID: runner)
    if let damage = wreck.damage { damaged.append(damage) }
    for (key, record) in wreck.ended {
      commands[key.workflow, default: [:]][key] = Command(runner: runner, end: record, startedAt: record.startedAt)
    }
    for (key, command) in wreck.running.merging(wreck.lost, uniquingKeysWith: { first, _ in first }) {
      commands[key.workflow, default: [:]][key] = Command(runner: runner, end: nil, startedAt: command.startedAt)
    }
  }

  /// All that is left of a run.
  func found(_ id: WorkflowID, _ rows: Salvage.Run) throws(Failure) -> FoundRun {
    var found = FoundRun(id: id)
    found.rows = rows
    let lying = runs[id]
    found.isOnDisk = lying != nil
    found.place = lying?.place
    found.format = lying?.format ?? .yaml
    found.commands = commands[id] ?? [:]
    let directory = RunDirectory(id, in: home.runs)
    found.record = try FileTail.read(directory.record).flatMap { WrittenRun(parsing: $0, of: id) }
    found.events = try FileTail.read(directory.events).map { ToldEvents(parsing: $0, of: id) } ?? ToldEvents()
    if let content = rows.content { found.contents.append(("the old journal", content)) }
    for format in SubmissionFormat.allCases {
      if let bytes = try FileTail.read(directory.workflow(extension: format.rawValue)) {
        found.contents.append((Self.kept, bytes))
        if found.place == nil { found.format = format }
      }
    }
    guard let place = found.place else { return found }
    if place != .active {
      found.receipt = try spool.receipt(of: id, in: place).flatMap { Receipt(parsing: $0, of: id) }
    }
    if let file = try spool.file(of: id, found.format, in: place) {
      found.contents.append(("spool/\(place.rawValue)", file.bytes))
      (found.owner, found.modifiedAt) = (file.owner, file.modifiedAt)
    }
    return found
  }
}

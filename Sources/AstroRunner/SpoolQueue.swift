public import AstroConfiguration
public import AstroCore
public import AstroJournal
import AstroSpool

/// Finds out what holds each file in the spool, as a runner would, without touching any.
public struct SpoolQueue {
  private let glance: SpoolGlance
  private let examiner: Examiner
  private let configuration: Configuration
  private let reading: Reading?
  private let stuck: StuckFiles
  private let bootID: String
  private let now: Moment

  /// What the runners of the home are like at this moment.
  public struct Situation: Sendable {
    public var activeRuns: Int
    public var hasRunner: Bool

    public init(activeRuns: Int, hasRunner: Bool) {
      self.activeRuns = activeRuns
      self.hasRunner = hasRunner
    }
  }

  /// Files whose content is read at most: of a longer backlog the rest is only counted.
  public static let examinedAtMost = 1000

  /// - Parameter reading: `nil` in a home where nothing ever ran.
  public init(
    _ home: Home, _ configuration: Configuration, _ reading: Reading?, bootID: String, at now: Moment
  ) throws(Failure) {
    glance = try SpoolGlance(home.spool)
    stuck = StuckFiles(healthFile: home.health)
    self.configuration = configuration
    self.reading = reading
    self.bootID = bootID
    self.now = now
    examiner = Examiner(configuration)
  }

  /// The waiting files, in the order in which one user's are taken: higher priority first, then older.
  /// - Returns: at most ``examinedAtMost`` of them, the oldest, and how many there are in all.
  public func files(_ situation: Situation) throws(Failure) -> (files: [WaitingFile], count: Int) {
    let sights = try glance.files().sorted { $0.modifiedAt < $1.modifiedAt }
    var files: [WaitingFile] = []
    for sight in sights.prefix(Self.examinedAtMost) {
      if let file = try examine(sight) { files.append(file) }
    }
    files.sort { ($1.priority, $0.sight.modifiedAt) < ($0.priority, $1.sight.modifiedAt) }
    try forecast(&files, situation)
    return (files, files.count + max(0, sights.count - Self.examinedAtMost))
  }

  // MARK: One file

  /// `nil` for one that was taken meanwhile.
  private func examine(_ sight: SpoolGlance.Sight) throws(Failure) -> WaitingFile? {
    let announced = try reading?.submission(announcing: sight.name)
    var file = WaitingFile(
      sight: sight, submission: announced.flatMap { WorkflowID(validating: $0.id) },
      user: announced?.user ?? sight.ownerName, priority: 0, hold: .none)
    if let why = stuck.reason(of: sight.name) {
      file.hold = .stuck(why)
      return file
    }
    switch sight.entry.kind {
    case .ignored: return nil
    case .odd(let reason): file.hold = .refused(reason.message)
    case .candidate(let format):
      if let hold = holdOfShape(sight) {
        file.hold = hold
        return file
      }
      do throws(Failure) {
        if let bytes = try glance.content(of: sight) {
          read(bytes, format, announced, &file)
        } else {
          // Gone, or not ours to read: a runner of the same user could not read it either.
          guard try glance.look(at: sight.entry) != nil else { return nil }
          file.hold = .refused("it may not be read")
        }
      } catch {
        file.hold = .stuck("it cannot be read: \(error.reason ?? error.message)")
      }
    }
    return file
  }

  private func holdOfShape(_ sight: SpoolGlance.Sight) -> WaitingFile.Hold? {
    if !sight.isRegular { return .refused("it is no regular file") }
    if sight.hasOtherNames { return .refused(Refusal.Reason.hardLink.message) }
    if sight.size == 0 { return .empty }
    let limit = SpoolRules().maxBytes
    return sight.size > limit ? .refused(Refusal.Reason.tooLarge(bytes: sight.size, limit: limit).message) : nil
  }

  private func read(
    _ bytes: [UInt8], _ format: SubmissionFormat, _ announced: SubmissionRecord?, _ file: inout WaitingFile
  ) {
    if configuration.system.requireFinalNewline, bytes.last != 0x0A {
      file.hold = .noFinalNewline
      return
    }
    let sight = file.sight
    let origin = Examiner.Origin(
      file: sight.name.bytes, shown: sight.name.printable, format: format, owner: sight.owner,
      ownerName: sight.ownerName, submittedAt: sight.modifiedAt, sha256: "")
    let admission = examiner.examine(bytes, from: origin, announced: announced)
    guard let plan = admission.plan else {
      let more = admission.errors.count > 1 ? " (and \(admission.errors.count - 1) more)" : ""
      file.hold = .refused((admission.errors.first?.message ?? "it cannot be read") + more)
      return
    }
    file = WaitingFile(
      sight: sight, submission: file.submission, user: admission.user, priority: plan.priority, hold: .none)
    if let notBefore = plan.notBefore, notBefore > now.wall { file.hold = .notBefore(notBefore) }
  }

  // MARK: All files

  /// What holds the files that nothing of their own holds: the limit of their user, each after those before it; no
  /// room; nobody there to take them.
  private func forecast(_ files: inout [WaitingFile], _ situation: Situation) throws(Failure) {
    let limiter = LimiterName.workflowCreation
    var windows: [String: LimitForecast] = [:]
    var room = configuration.system.maxActiveWorkflows - situation.activeRuns
    for position in files.indices where files[position].hold == .none {
      let user = files[position].user
      if windows[user] == nil {
        windows[user] = try LimitForecast(limiter, of: user, configuration, reading, bootID: bootID, at: now)
      }
      if let opens = windows[user]?.next(), let grants = windows[user]?.grants {
        files[position].hold = .limit(limiter: limiter, key: user, grants: grants, until: opens)
      } else if room <= 0 {
        files[position].hold = .noRoom(configuration.system.maxActiveWorkflows)
      } else {
        room -= 1
        if !situation.hasRunner { files[position].hold = .noRunner }
      }
    }
  }
}

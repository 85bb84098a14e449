import AstroAgents
public import AstroConfiguration
public import AstroCore
import AstroJournal
import AstroProcess
import AstroScheduling
import AstroSpool
public import AstroTelemetry
import CLinux
import Glibc
public import Logging

/// One runner over one home: gathers what has happened, decides, commits, performs. One thread, one loop; it sleeps in
/// poll(2) and nowhere else.
///
/// Everything it knows can be rebuilt from the journal: after an error it cannot answer (a full disk, a failing fsync)
/// it is thrown away, and the next one, in this process or another, goes on where the journal stands.
public final class Runner {
  public enum Mode: Sendable, Equatable {
    /// Stay until asked to stop.
    case watch
    /// Leave when nothing more can start now, or after `maxTime`.
    case drain(maxTime: Duration?)
    /// Only the run given to ``Runner/enter(_:file:params:warn:)``.
    case single

    /// The first part of a runner's identifier.
    public var name: String {
      switch self {
      case .watch: "watch"
      case .drain: "drain"
      case .single: "run"
      }
    }
  }

  /// What came of it.
  public struct Result: Sendable {
    /// The final states of the runs that ended here.
    public var ended: [WorkflowID: RunState] = [:]
    public var stop = Stop.none
  }

  /// Whether a signal asked it to stop.
  public enum Stop: Sendable {
    case none
    /// Once: what ran could finish within the grace.
    case asked
    /// Again: it left at once.
    case atOnce
  }

  public struct Options: Sendable {
    public var mode: Mode
    /// How long tasks may go on after a request to stop.
    public var grace: Duration
    /// The program whose `warden` verb starts commands.
    public var executable: String
    public var environment: [String: String]
    public var version: String
    /// That of the tasks; `nil` is the runner's own.
    public var umask: UInt32?

    public init(
      mode: Mode, grace: Duration, executable: String, environment: [String: String], version: String,
      umask: UInt32? = nil
    ) {
      self.mode = mode
      self.grace = grace
      self.executable = executable
      self.environment = environment
      self.version = version
      self.umask = umask
    }
  }

  let id: String
  let home: Home
  var configuration: Configuration
  let options: Options
  let clock: any AstroCore.Clock
  let log: Logger
  let logOutput: LogOutput
  let signals: SignalInbox
  let observer: (any RunObserver)?

  let lock: RunnerLock
  let journal: Journal
  var allowances: Allowances
  let spool: Spool
  let launcher: WardenClient
  let agent: CommandAgent
  /// The agents that perform their attempts themselves, by id.
  var performers: [String: any Performer] = [:]
  let tools: ToolHost
  let performances: Performances
  /// Attempts that are performed, or begun to be.
  var performing: [AttemptKey: PerformedAttempt] = [:]
  let secrets: SecretReader
  /// Leave that attempts ask for and have no answer to, by ``CallAsk/number``.
  var asks: [Int64: LeaveAsk] = [:]
  var lastAsk: Int64 = 0
  /// Attempts under way whose results will be kept.
  var leaders: [AttemptKey: CacheLeader] = [:]
  /// How often agents were configured anew.
  var cacheGeneration = 0
  /// Tasks whose files are being read, to find out whether they may be spared.
  var lookups: [AttemptKey: Lookup] = [:]
  var lastLookup: Int64 = 0
  /// Who waits for them, and for those of other runners.
  var followers = CacheFollowers()
  /// When those of other runners were looked at, in boot time.
  var lastLeaderLook: Int64 = 0
  /// Runs that a budget has stopped.
  var heldByBudget: Set<WorkflowID> = []
  var examiner: Examiner
  let events: EventStream
  var scheduler: Scheduler
  var intake = Intake()
  let readingMark: ReadingMark
  var suspects = Suspects()
  var reports: Reports

  /// What is needed of our runs when they end.
  var owned: [WorkflowID: OwnedRun] = [:]
  /// What must be read from attempts with a process.
  var promises: [AttemptKey: AttemptPromise] = [:]
  /// What is left of dead runners whose attempts still run.
  var wrecks: [AdoptedRunner] = []
  /// Of those, the ones that have told of their last end.
  var finished: [AdoptedRunner] = []
  /// The same, once the scheduler has heard of it and until it is committed.
  var retiring: [AdoptedRunner] = []
  /// Decided, and not yet committed and told.
  var batch = Batch()
  /// What was ready when the loop last woke.
  var poller = Poller()
  /// Told to the scheduler at the next turn.
  var pending: [Event] = []
  /// Counters since the last commit.
  var deltas = SeriesDeltas()
  /// Runs whose file lies in its final place and whose row does not say so yet.
  var marks: SettlingMarks
  /// New runs whose submitted bytes are in the journal and not yet in their directories.
  var unkept: [(run: WorkflowID, bytes: [UInt8], format: SubmissionFormat)] = []
  /// Runs without an owner wait for room.
  var hasUnadopted = false
  /// Runs whose files could not be moved where they belong, though the spool can be used, and why not.
  var misplaced: [WorkflowID: Failure] = [:]
  /// Those of them that have ended, and those that go on after a retry: both are tried again at each look around.
  var unsettleable: [WorkflowID] = []
  var unopened: [WorkflowID: SubmissionFormat] = [:]
  /// How long the next look around waits for a spool that cannot be used.
  var troublePause = Duration.zero
  /// Files that could not be taken when the runner before this one told last.
  let toldStuck: StuckFiles
  /// Runs whose `run.json` is to be written anew.
  var changed: Set<WorkflowID> = []
  /// Runs that ended, to be settled once their end is committed.
  var unsettled: [WorkflowID] = []
  /// Those of them that a dead runner was settling: what it wrote without fsync may be gone.
  var inherited: Set<WorkflowID> = []
  /// Found without a row, to be taken with the next commit.
  var orphans: [Orphan] = []
  /// What keeps the spool from being used, since the last look around.
  var spoolTrouble: Failure?
  /// The one that was logged.
  var toldTrouble: Failure?
  var result = Result()
  var stopping: StopState = .no
  var nextRescan: Int64 = 0
  /// Since when a pass has had nothing to run, in boot time.
  private var idleSince: Int64?
  /// The daily removal of old runs, while it is under way.
  var cleaning: Cleaning?
  var nextCleaning: Int64 = 0
  var nextSweep: Int64 = 0
  /// When the sandbox engines are asked again, in boot time.
  var nextEngineLook: Int64 = 0
  /// There once we hear of requests and of new files; see ``listen()``.
  private(set) var bell: BellWatch?
  let startedAt: Moment
  /// What started a watcher, where it wants to be told how it is.
  let serviceManager: ServiceManager?

  enum StopState: Equatable {
    case no
    /// Nothing starts any more; at `until` (boot time) the runner leaves, and commands that still run stay with the warden.
    case draining(until: Int64)
    case now
  }

  /// A run of ours, without its content.
  struct OwnedRun {
    var user: String
    /// ``RunRecord/submitter``.
    var submitter: UInt32
    var startedAt: Timestamp?
    /// ``RunRecord/livesSince``.
    var since: Timestamp
    /// What attempts that were parked or held ask for first when they go on.
    var nextCalls: [AttemptKey: PlannedCall] = [:]
  }

  /// Opens everything a runner needs, and takes its own lock.
  public init(
    home: Home, configuration: Configuration, options: Options, bootID: String, signals: SignalInbox, log: Logger,
    logOutput: LogOutput, clock: any AstroCore.Clock = SystemClock(), observer: (any RunObserver)? = nil
  ) throws(Failure) {
    self.home = home
    self.configuration = configuration
    self.options = options
    self.signals = signals
    self.log = log
    self.logOutput = logOutput
    self.clock = clock
    self.observer = observer
    let system = configuration.system
    let now = clock.now()
    startedAt = now
    var random = SystemRandomNumberGenerator()
    id = "\(options.mode.name)-\(now.wall.compact)-\(getpid())-\(UInt16.random(in: .min ... .max, using: &random))"
    home.makeDirectories()
    lock = try RunnerLock.acquire(dataDirectory: home.data, id: id, home: home.root)
    readingMark = ReadingMark(lock.files.reading, bootID: bootID)
    let records: [AgentRecord]
    do throws(Failure) {
      journal = try Journal.open(dataDirectory: home.data, bootID: bootID, clock: clock)
      try journal.examine(always: options.mode == .watch)
      records = try journal.read { try $0.agents() }
      spool = try Spool(
        directory: home.spool, rules: SpoolRules(requireFinalNewline: system.requireFinalNewline), clock: clock)
      try spool.take(for: home.data)
      launcher = try WardenClient(
        executable: options.executable, dataDirectory: home.data, runnerID: id,
        bound: OutputBound(limit: system.maxTaskOutput), umask: options.umask)
      marks = try SettlingMarks(runs: home.runs)
    } catch {
      // Tried again every minute by cron, the locks of failed starts would pile up.
      try? lock.remove()
      throw error
    }
    serviceManager = options.mode == .watch ? ServiceManager(environment: options.environment) : nil
    toldStuck = StuckFiles(healthFile: home.health)
    allowances = Allowances(configuration)
    allowances.isOver = Self.overseer(configuration, home)
    tools = configuration.toolHost(
      home: home, environment: options.environment, executable: options.executable, clock: clock)
    performers = configuration.performers(
      home: home, environment: options.environment, clock: clock, tools: tools)
    performances = Performances(clock: clock)
    secrets = SecretReader(environment: options.environment, home: home.root)
    agent = CommandAgent(
      launcher: launcher, home: home.root, runs: home.runs, clock: clock, environment: options.environment)
    let members = configuration.members
    examiner = Examiner(configuration)
    events = EventStream(runs: home.runs, data: home.data)
    let past = Dictionary(records.map { ($0.id, AgentPool.Record($0)) }, uniquingKeysWith: { $1 })
    scheduler = Scheduler(
      policy: Self.policy(configuration), agents: AgentPool(members, records: past), now: now, seed: random.next())
    reports = Reports(home: home, configuration: configuration, options: options, startedAt: now)
    takePrograms()
  }

  /// Works until there is nothing left to do here.
  public func run() throws(Failure) -> Result {
    do throws(Failure) {
      reports.begin(self)
      if options.mode == .watch {
        try listen()
        clinux_shed_code()
        serviceManager?.isReady()
      } else {
        try rescan()
      }
      // Its environment and its memory hold secrets that are for some tasks only; after shedding, which needs /proc/self.
      clinux_forbid_dumps()
      while true {
        try turn()
        if try isFinished() { break }
        let now = clock.now()
        lookAtEngines()
        reports.update(self, now: now)
        serviceManager?.isAlive(at: now.boot)
        try listen()
        wait()
      }
      try leave()
      return result
    } catch {
      endPerformances()
      reports.fail(self, error)
      // What nothing refers to would only pile up where a pass fails every minute.
      if owned.isEmpty, promises.isEmpty, unsettled.isEmpty { removeFiles() }
      throw error
    }
  }

  /// Begins to hear of requests and of new files. A pass that finds nothing to wait for leaves without: closing a watch
  /// costs it many milliseconds, more than all its work, because the kernel waits until no processor can be using it.
  private func listen() throws(Failure) {
    guard bell == nil else { return }
    bell = BellWatch(lockFile: lock.files.lock)
    if takesFiles { _ = spool.watch }
    // Looked for again, or what came before there was somebody to hear it would wait for the next look around.
    try rescan()
  }

  private func isFinished() throws(Failure) -> Bool {
    switch stopping {
    case .now: return true
    case .draining(let until): return scheduler.runningAttempts == 0 || clock.now().boot >= until
    case .no: break
    }
    switch options.mode {
    case .watch: return false
    case .single:
      // Whoever started it hears that a budget is used up; it goes on with whichever runner comes after the release.
      let isHeld = !heldByBudget.isEmpty && !scheduler.isBusy && batch.since == nil
      return pending.isEmpty && (scheduler.activeRuns == 0 || isHeld)
    case .drain:
      guard !scheduler.isBusy else {
        idleSince = nil
        return false
      }
      let now = clock.now().boot
      let since = idleSince ?? now
      idleSince = since
      if hasImminentWork(now, idleSince: since) { return false }
      return try !beginCleaning()
    }
  }

  /// How long a pass waits for something that will come by itself, rather than leave it to the next pass: the pause
  /// before a retry, the few seconds until a copied file is known to be whole. Never a limit, nor a `not_before`.
  private static let patience = Duration.seconds(30)

  private func hasImminentWork(_ now: Int64, idleSince: Int64) -> Bool {
    if !pending.isEmpty || canAdopt || !followers.isEmpty { return true }
    if let retry = scheduler.nextRetry, retry - now <= Self.patience.microseconds { return true }
    guard claimsFiles else { return false }
    if intake.hasUnseen || (room > 0 && intake.hasAdmissible) { return true }
    // From when it had nothing else to do: a file may be held open for writing, and looked at again, for ever.
    return intake.nextLook.map { $0 - idleSince <= Self.patience.microseconds } ?? false
  }

  /// Sleeps until something happens or falls due.
  private func wait() {
    poller.reset()
    poller.watch(signals.descriptor)
    poller.watch(performances.descriptor)
    if let bell { poller.watch(bell.descriptor) }
    // Ends that come fast are heard of together: a turn costs more than what it does for one of them.
    let listens = !scheduler.isWellSupplied || launcher.wantsWrite
    if listens { poller.watch(launcher.descriptor, forWriting: launcher.wantsWrite) }
    for wreck in wrecks { wreck.watch(&poller) }
    if let descriptor = marks.descriptor { poller.watch(descriptor) }
    if takesFiles, case .events(let descriptor) = spool.watch.mode { poller.watch(descriptor) }
    let isBusy = !pending.isEmpty || cleaning != nil || canAdopt
    let pause = isBusy ? 0 : pauseUntilDue()
    poller.wait(atMost: listens ? pause : min(pause ?? .max, Self.hearing.microseconds))
  }

  /// How long ends may go unheard while the launcher is well supplied.
  private static let hearing = Duration.milliseconds(1)

  private func pauseUntilDue() -> Int64? {
    var due = [
      scheduler.nextDue, claimsFiles ? intake.nextDue(hasRoom: room > 0) : nil, reports.nextDue, nextRescan, commitDue,
      nextLeaderLook, serviceManager?.nextDue, marks.nextDue,
    ]
    if case .draining(let until) = stopping { due.append(until) }
    if options.mode == .watch, stopping == .no { due.append(nextCleaning) }
    if case .drain(let maxTime?) = options.mode, stopping == .no {
      due.append(startedAt.boot + maxTime.microseconds)
    }
    return due.compactMap { $0 }.min().map { max(0, $0 - clock.now().boot) }
  }

  /// Leaves everything as the next runner wants to find it.
  private func leave() throws(Failure) {
    endPerformances()
    if commitDue != nil {
      try commit([])
      try forgetRetired()
    }
    try tell(batch)
    batch = Batch()
    if spoolTrouble != nil { _ = try lookAround() }
    try finishSettling()
    // What could not be taken or settled waits for the next runner. A watcher that is asked to go has told before.
    if options.mode != .watch, let trouble = spoolTrouble ?? misplaced.values.first { throw trouble }
    reports.end(self)
    guard scheduler.activeRuns == 0 else { return }
    // Nothing is left that a successor would have to ask our files about.
    try lock.files.remove()
    try lock.remove()
  }
}

public import AstroCore

/// The agents: who can take a task, who is full, who is ill. Pure; the loop tells it what happened.
public struct AgentPool: Sendable {
  /// One agent as configured.
  public struct Member: Sendable {
    public var id: String
    /// The type's name, `command`.
    public var kind: String
    public var capabilities: Set<String>
    /// `nil` is unbounded.
    public var maxConcurrent: Int?
    /// What it takes.
    public var form: WorkForm
    /// It performs attempts itself: they take no process, and so none of the machine's slots.
    public var isPerformer: Bool
    /// The named limits that every attempt of it takes.
    public var limits: [String]
    /// How long attempts of tasks that do not say may take; `nil` is as long as they like.
    public var timeout: Duration?
    /// Agents, by their ids, that its attempts may make calls to in its place.
    public var fallbacks: [String]

    public init(
      id: String, kind: String, capabilities: Set<String>, maxConcurrent: Int?,
      form: WorkForm = .run, isPerformer: Bool = false, limits: [String] = [], timeout: Duration? = nil,
      fallbacks: [String] = []
    ) {
      self.id = id
      self.kind = kind
      self.capabilities = capabilities
      self.maxConcurrent = maxConcurrent
      self.form = form
      self.isPerformer = isPerformer
      self.limits = limits
      self.timeout = timeout
      self.fallbacks = fallbacks
    }

    /// Whether it could ever take a task that asks for `request`.
    public func suits(_ request: AgentRequest) -> Bool {
      form == request.form && (request.name == nil || request.name == id || request.name == kind)
        && request.capabilities.allSatisfy(capabilities.contains)
    }
  }

  /// The past of an agent, decayed: kept by the journal, since a pass started by cron has no memory.
  public struct Record: Sendable, Equatable {
    public var successes = 0.0
    public var failures = 0.0
    /// In a row.
    public var infrastructureFailures = 0
    public var lastError: String?
    /// When it is asked next whether it works; `nil` while it is healthy.
    public var probeAt: Timestamp?

    public init(
      successes: Double = 0, failures: Double = 0, infrastructureFailures: Int = 0, lastError: String? = nil,
      probeAt: Timestamp? = nil
    ) {
      self.successes = successes
      self.failures = failures
      self.infrastructureFailures = infrastructureFailures
      self.lastError = lastError
      self.probeAt = probeAt
    }

    /// Laplace's rule of succession with two successes assumed.
    public var reliability: Double { (successes + 2) / (successes + failures + 2) }
    /// Failures of the infrastructure in a row that make an agent unhealthy.
    public static let illAfter = 3
    public var isHealthy: Bool { infrastructureFailures < Self.illAfter }

    /// Half of an outcome's weight is gone after 50 more.
    mutating func count(success: Bool) {
      let decay = 0.986_232_704_493_359_2  // 0.5^(1/50)
      successes = successes * decay + (success ? 1 : 0)
      failures = failures * decay + (success ? 0 : 1)
    }
  }

  struct Entry {
    var member: Member
    var record = Record()
    /// Attempts launched and not ended.
    var running = 0
    /// Attempts handed to the launcher to start when a slot comes free.
    var queued = 0
    /// Attempts recorded as begun, or about to be, that the launcher does not know of yet.
    var ahead = 0
    /// No longer configured. It keeps its place, because positions stand for agents, until what it has begun is over.
    var isRetired = false

    /// Whether it is given new tasks.
    var isOpen: Bool { !isRetired && record.isHealthy }
    /// Slots not taken by an attempt that runs or is next in line to.
    var free: Int { member.maxConcurrent.map { max(0, $0 - running - queued) } ?? .max }
  }

  var entries: [Entry]

  public init(_ members: [Member], records: [String: Record] = [:]) {
    entries = members.map { Entry(member: $0, record: records[$0.id] ?? Record()) }
  }

  /// Those that are configured, in their order.
  public var members: [Member] { entries.filter { !$0.isRetired }.map(\.member) }
  public func record(of id: String) -> Record? { index(of: id).map { entries[$0].record } }
  /// The identifiers of those that are configured and unhealthy, in their order.
  public var unhealthy: [String] { entries.lazy.filter { !$0.isRetired && !$0.record.isHealthy }.map(\.member.id) }

  /// The position of the agent for `request`: among the healthy ones with room the least loaded, then the most
  /// reliable, then the first configured. An agent has room while its begun attempts leave a slot, or exceed its slots by
  /// less than `spare`.
  /// - Parameter admits: says which of them may take it at all.
  func choose(_ request: AgentRequest, spare: Int, where admits: (Member) -> Bool) -> Int? {
    var best: Int?
    for (index, entry) in entries.enumerated()
    where entry.isOpen && entry.member.suits(request) && admits(entry.member) {
      guard entry.ahead < entry.free || entry.ahead - entry.free < spare else { continue }
      guard let other = best.map({ entries[$0] }) else {
        best = index
        continue
      }
      let load = entry.running + entry.ahead
      let otherLoad = other.running + other.ahead
      if load < otherLoad || (load == otherLoad && entry.record.reliability > other.record.reliability) { best = index }
    }
    return best
  }

  /// Takes over a changed list: known agents keep their record and their work, others have that of `records`.
  mutating func reconfigure(_ members: [Member], records: [String: Record]) {
    for position in entries.indices { entries[position].isRetired = true }
    for member in members {
      // One of another nature is another agent: what the old one has begun takes other slots.
      if let position = entries.firstIndex(where: {
        $0.member.id == member.id && $0.member.isPerformer == member.isPerformer && $0.member.form == member.form
      }) {
        entries[position].member = member
        entries[position].isRetired = false
      } else {
        entries.append(Entry(member: member, record: records[member.id] ?? Record()))
      }
    }
  }

  var hasPerformers: Bool { entries.contains { $0.member.isPerformer } }

  /// The one that is configured, where there is one.
  func index(of id: String) -> Int? {
    entries.firstIndex { $0.member.id == id && !$0.isRetired } ?? entries.firstIndex { $0.member.id == id }
  }

  /// The position of an agent that has an attempt, also of one that is no longer configured: it keeps what it has begun.
  mutating func position(of id: String) -> Int {
    if let position = index(of: id) { return position }
    let member = Member(id: id, kind: "", capabilities: [], maxConcurrent: nil)
    entries.append(Entry(member: member, isRetired: true))
    return entries.count - 1
  }

  /// Whether an agent that is configured could ever take what is asked for.
  func serves(_ request: AgentRequest) -> Bool { entries.contains { !$0.isRetired && $0.member.suits(request) } }

  /// Takes the end of an attempt into the record. Cancels, refusals by a limit, what a task's own ceilings end and `lost` say
  /// nothing about the agent.
  /// - Returns: whether the agent has just become unhealthy.
  mutating func count(_ ending: AttemptEnding, at index: Int) -> Bool {
    switch ending.outcome {
    case .cancelled, .lost: return false
    case .performed(.maxTurns, _), .performed(.maxToolCalls, _), .performed(.maxCost, _), .performed(.maxTokens, _),
      .performed(.refused, _), .performed(.truncated, _), .performed(.providerQuota, _), .performed(.rateLimited, _),
      .performed(.cancelled, _):
      return false
    case .exited(0), .performed(.completed, _): entries[index].record.count(success: true)
    case .exited, .signalled, .outOfMemory, .timedOut, .notStarted, .invalidOutput, .performed:
      entries[index].record.count(success: false)
    }
    guard ending.isFaultOfAgent else {
      entries[index].record.infrastructureFailures = 0
      return false
    }
    let was = entries[index].record.isHealthy
    entries[index].record.infrastructureFailures += 1
    entries[index].record.lastError = ending.outcome.message
    return was && !entries[index].record.isHealthy
  }
}

extension AttemptEnding {
  fileprivate var isFaultOfAgent: Bool {
    if case .notStarted(_, infrastructure: true) = outcome { return true }
    return isAgentFault
  }
}

import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Crypto

/// Results that stand for equal attempts: a hit takes no limit, no place and no money, and of equal attempts at the same
/// time one is made.
///
/// A task is looked up as soon as it is ready, outside of any transaction, and its files are read beside the loop. Between
/// that and its begin an equal one may have begun or ended, so the transaction asks once more, by the same key.
extension Runner {
  /// The largest stdout that is kept, in bytes.
  private static let mostKept = 1 << 20
  /// How often attempts of other runners are looked at that somebody waits for; of its own a runner hears.
  private static let lookPause = Duration.seconds(5)

  /// Whether what a task would come to is known, under any of the agents that could take it: the first of them, in the order
  /// of the configuration, whose result is kept.
  /// - Returns: `nil` while its files are read.
  func lookUp(_ start: AttemptStart, among agents: [String]) throws(Failure) -> Event? {
    let files = files(of: start, among: agents)
    guard !files.isEmpty else { return try lookUp(start, among: agents, with: InputDigests()) }
    lastLookup += 1
    let directory = RunDirectory(start.key.workflow, in: home.runs).files
    lookups[start.key]?.reading.cancel()
    lookups[start.key] = Lookup(
      number: lastLookup, start: start, agents: agents,
      reading: performances.digest(files, in: directory, for: start.key, lastLookup))
    return nil
  }

  /// The files of a task have been read; `nil` when nobody waits for that any more.
  func lookUp(_ key: AttemptKey, _ number: Int64, _ digests: InputDigests) throws(Failure) -> Event? {
    guard let lookup = lookups[key], lookup.number == number else { return nil }
    lookups[key] = nil
    return try lookUp(lookup.start, among: lookup.agents, with: digests)
  }

  /// Their files are read no further.
  func forgetLookups(where isOver: (AttemptKey) -> Bool) {
    for (key, lookup) in lookups where isOver(key) {
      lookup.reading.cancel()
      lookups[key] = nil
    }
  }

  private func lookUp(
    _ start: AttemptStart, among agents: [String], with digests: InputDigests
  ) throws(Failure) -> Event {
    let tickets = tickets(of: start, among: agents, with: digests)
    let asked = agents.compactMap { agent in tickets[agent].map { (agent: agent, ticket: $0) } }
    if !asked.isEmpty,
      let event = try journal.read({ reading throws(Failure) in
        try answer(to: start, asked, in: reading, at: clock.now().wall)
      })
    {
      return event
    }
    for ticket in tickets.values { followers.note(start.key, under: ticket.key) }
    return .missed(start.key, tickets)
  }

  /// What the cache says to a start; `nil` when it is to be made.
  func askCache(_ start: AttemptStart, in transaction: Transaction) throws(Failure) -> Event? {
    guard let ticket = start.ticket else { return nil }
    guard isValid(ticket) else { return .missed(start.key, [start.agent: ticket]) }
    return try answer(to: start, [(start.agent, ticket)], in: transaction.reading, at: transaction.now.wall)
  }

  private func answer(
    to start: AttemptStart, _ asked: [(agent: String, ticket: CacheTicket)], in reading: Reading, at now: Timestamp
  ) throws(Failure) -> Event? {
    let oldest = start.cache?.maxAge.map { now - $0 } ?? Timestamp(microseconds: 0)
    for (agent, ticket) in asked {
      if let result = try reading.cached(ticket.key, since: oldest) {
        return .cached(try put(result, in: start, at: now), agent: agent)
      }
    }
    for (_, ticket) in asked {
      guard try reading.isLed(ticket.key, besides: start.key, isAlive: isAtWork) else { continue }
      followers.wait(start.key, for: ticket.key)
      return .follows(start.key)
    }
    return nil
  }

  private func isAtWork(_ owner: String) -> Bool {
    owner == id || WorkingRunner.isAlive(owner, dataDirectory: home.data)
  }

  /// Puts a result in the place of an attempt. Its output is written before the commit: a crash in between leaves a file
  /// that the next start writes again.
  private func put(
    _ result: CachedResult, in start: AttemptStart, at now: Timestamp
  ) throws(Failure) -> AttemptEnding {
    let files = AttemptFiles(start.key, runs: home.runs)
    if !result.stdout.isEmpty { try files.write(stdout: result.stdout) }
    var ending = AttemptEnding(
      key: start.key, outcome: result.outcome, startedAt: now, finishedAt: now, duration: .zero,
      outputs: result.outputs)
    ending.isCached = true
    if start.promise.keepsStdout { ending.stdout = try files.stdoutText() }
    return ending
  }

  /// Records that an attempt begins for which a result stands, just before its end is.
  func beginCached(_ ending: AttemptEnding, _ agent: String, in transaction: Transaction) throws(Failure) {
    try transaction.beginAttempt(
      AttemptRecord(
        key: ending.key, agent: agent, launcher: id, started: transaction.now, bootID: journal.bootID))
    // Under this number something may have been begun, and taken back.
    try transaction.leadsNoMore(ending.key)
    deltas.increment(.cacheHits, [agent])
  }

  // MARK: Attempts that others may wait for

  /// Notes that the result of a start will be kept.
  func lead(_ start: AttemptStart, in transaction: Transaction) throws(Failure) {
    guard let ticket = start.ticket, isValid(ticket), try transaction.leads(start.key, under: ticket) else { return }
    leaders[start.key] = CacheLeader(agent: start.agent, ticket: ticket)
  }

  /// A start goes to another agent than the one it was recorded for.
  func leadAnew(_ start: AttemptStart, in transaction: Transaction) throws(Failure) {
    guard leaders[start.key] != nil else { return }
    try endLeading(start.key, nil, in: transaction)
    try transaction.leadsNoMore(start.key)
    try lead(start, in: transaction)
  }

  /// Keeps what a leader came to, and lets those go on who waited for it.
  /// - Parameter ending: `nil` of one that is taken back. Its row stays: what it has done was done under that ticket.
  func endLeading(_ key: AttemptKey, _ ending: AttemptEnding?, in transaction: Transaction) throws(Failure) {
    guard let ticket = leaders.removeValue(forKey: key)?.ticket else { return }
    var isKept = false
    if let ending {
      try transaction.leadsNoMore(key)
      if ending.outcome.isSuccess, areUntouched(ticket.files, of: key.workflow), let stdout = try kept(of: key) {
        isKept = true
        try transaction.keep(
          CachedResult(
            outcome: ending.outcome, outputs: ending.outputs, stdout: stdout, createdAt: transaction.now.wall),
          under: ticket.key)
      }
    }
    tell(followers.take(ticket.key, isKept: isKept))
  }

  private func tell(_ followers: [AttemptKey]) {
    if !followers.isEmpty { pending.append(.preceded(followers)) }
  }

  /// Whether files look as they did before they were read for a key.
  private func areUntouched(_ files: [String: String], of run: WorkflowID) -> Bool {
    let directory = RunDirectory(run, in: home.runs).files
    // One that is gone, or no regular file any more, is another one.
    return files.allSatisfy { (try? InputFile(name: $0.key, directory: directory).look()) == $0.value }
  }

  /// What an attempt printed; `nil` where it is too much to be kept.
  private func kept(of key: AttemptKey) throws(Failure) -> [UInt8]? {
    let bytes = try AttemptFiles(key, runs: home.runs).stdout(atMost: Self.mostKept + 1)
    return bytes.count <= Self.mostKept ? bytes : nil
  }

  /// When attempts of other runners are looked at; `nil` when nobody waits.
  var nextLeaderLook: Int64? { followers.isEmpty ? nil : lastLeaderLook + Self.lookPause.microseconds }

  /// Looks at attempts of other runners that tasks of ours wait for, and says nothing until one is over.
  func lookAtLeaders() throws(Failure) {
    let now = clock.now().boot
    guard let due = nextLeaderLook, now >= due else { return }
    lastLeaderLook = now
    let own = Set(leaders.values.map(\.ticket.key))
    for key in followers.waitedFor where !own.contains(key) {
      if try journal.read({ try $0.isLed(key, isAlive: isAtWork) }) { continue }
      tell(followers.take(key, isKept: false))
    }
  }

  /// Agents are configured anew: what is under way with those that differ is kept under no key that speaks of them.
  func abandonLeaders(from old: Configuration) {
    let (before, after) = (AgentIdentity(configuration: old), AgentIdentity(configuration: configuration))
    func identity(_ agent: String, _ identity: AgentIdentity) -> JSONValue? {
      identity.configuration.agents.first { $0.id == agent }.map {
        identity.members(of: $0, servers: Array(identity.configuration.servers.keys))
      }
    }
    let changed = Set(old.agents.map(\.id)).filter { identity($0, before) != identity($0, after) }
    leaders = leaders.filter { !changed.contains($0.value.agent) }
    if !changed.isEmpty { cacheGeneration += 1 }
  }

  /// Whether no agent was configured anew since a ticket was made.
  private func isValid(_ ticket: CacheTicket) -> Bool { ticket.generation == cacheGeneration }

  // MARK: Keys

  /// Under what a task's result is kept, for each agent that could do it: everything that is resolved of the task, what is
  /// configured of the agent, and what is in the files that the task gives it; but not which run it is of.
  private func tickets(
    of start: AttemptStart, among agents: [String], with digests: InputDigests
  ) -> [String: CacheTicket] {
    guard let work = work(of: start) else { return [:] }
    var tickets: [String: CacheTicket] = [:]
    for agent in configuration.agents where agents.contains(agent.id) {
      guard let names = inputs(of: start, with: work, for: agent.id), let inputs = digests.of(names) else { continue }
      var ticket = CacheTicket(key: key(of: start, work, agent, inputs.contents), files: inputs.looks)
      ticket.generation = cacheGeneration
      tickets[agent.id] = ticket
    }
    return tickets
  }

  /// What a task asks for; `nil` where there are secrets in it: what is not known is not compared.
  private func work(of start: AttemptStart) -> JSONValue? {
    guard start.secretEnvironment.isEmpty else { return nil }
    switch start.work {
    case .process(let arguments): return .list(arguments.map { .string($0) })
    case .request(let value): return value.secrets.isEmpty ? value.revealed { _ in "" } : nil
    }
  }

  /// The files that a task gives to those who could take it.
  private func files(of start: AttemptStart, among agents: [String]) -> Set<String> {
    guard let work = work(of: start) else { return [] }
    return Set(agents.flatMap { inputs(of: start, with: work, for: $0) ?? [] })
  }

  /// The files that an agent is given; `nil` when what is wrong with the task is for the agent to say.
  private func inputs(of start: AttemptStart, with work: JSONValue, for agent: String) -> [String]? {
    guard case .request = start.work else { return [] }
    if let performer = performers[agent] { return try? performer.inputs(of: work) }
    return try? self.agent.programs[agent]?.inputs(of: work) ?? []
  }

  private func key(
    of start: AttemptStart, _ work: JSONValue, _ agent: AgentConfiguration, _ inputs: [String: String]
  ) -> String {
    let identity = AgentIdentity(configuration: configuration)
    let parts: [String: JSONValue] = [
      "version": .integer(2), "user": .string(start.user), "agent": .string(agent.id),
      "configured": identity.members(of: agent, servers: AgentIdentity.servers(of: work, agent)),
      "outputs": .list(start.promise.outputs.map { .string($0) }),
      "environment": .list(start.environment.map { .list([.string($0.name), .string($0.value)]) }),
      "workdir": start.workdir.map { .string($0) } ?? .null, "work": work,
      "tools": .list(start.tools(named: work).map(\.identity)),
      "inputs": .map(inputs.mapValues { .string($0) }),
    ]
    return SHA256.hash(data: Array(JSONValue.map(parts).json.utf8)).hexText
  }
}

extension AttemptStart {
  /// The workflow's tools that a request names.
  fileprivate func tools(named request: JSONValue) -> [CommandTool] {
    guard case .map(let members) = request, case .list(let names)? = members["tools"] else { return [] }
    return tools.filter { names.contains(.string($0.name)) }
  }
}

import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import Logging

extension Runner {
  /// Somebody rang: something is asked of a run of ours, a run has no owner, limits were cleared, an agent was found well.
  func answerBell() throws(Failure) {
    forgetBlocks()
    try lookAtKeys()
    try readRequests()
    try probeRecovered()
    if takesFiles { try recover() }
  }

  /// Probes the agents that are unhealthy here and that `astro agents --probe` has just recorded as healthy.
  private func probeRecovered() throws(Failure) {
    let ill = scheduler.agentPool.members.map(\.id).filter { scheduler.agentRecord($0)?.isHealthy == false }
    guard !ill.isEmpty else { return }
    for record in try journal.read({ try $0.agents() }) where ill.contains(record.id) {
      // Only a success is told: the agent's own probes go on, and a second failure would begin a second row of them.
      guard AgentPool.Record(record).isHealthy, CommandAgent.problem == nil else { continue }
      pending.append(.probed(agent: record.id, error: nil))
    }
  }

  /// Lets those go on who wait for a key that the journal does not know as used up any more: a call of another runner was
  /// answered, or whoever has paid has said so.
  func lookAtKeys() throws(Failure) {
    let (shared, alone) = (scheduler.awaitedKeys(alone: false), scheduler.awaitedKeys(alone: true))
    guard !shared.isEmpty || !alone.isEmpty else { return }
    let now = clock.now().wall
    let open = try journal.read { reading in
      try shared.union(alone).sorted().filter { agent in
        let fallbacks = shared.contains(agent) ? configuration.agent(agent)?.fallbacks ?? [] : []
        return try allowances.keysOpen(of: [agent] + fallbacks, reading, at: now) == nil
      }
    }
    if !open.isEmpty { pending.append(.opened(open.map { LimitRefusal(.key(of: $0), until: now).place })) }
  }

  /// What users asked of our runs. The journal is where it is asked; a request read twice changes nothing.
  func readRequests() throws(Failure) {
    guard !owned.isEmpty else { return }
    for run in try journal.read({ try $0.active() }) where owned[run.id] != nil {
      if run.isCancelRequested { pending.append(.cancel(run.id)) }
      // One admitted in this turn is not in the scheduler yet; its seed carries the flag.
      guard let isHeld = scheduler.isHeld(run.id), isHeld != run.isHoldRequested else { continue }
      pending.append(run.isHoldRequested ? .hold(run.id) : .release(run.id))
      changed.insert(run.id)
      log.info(
        run.isHoldRequested ? "Workflow held" : "Workflow released",
        metadata: ["workflow_id": .string(run.id.text), "user_id": .string(run.user)])
    }
  }
}

import AstroAgents
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry
import Logging

extension Runner {
  /// Somebody rang: a cancel for a run of ours, a run without an owner, limits that were cleared, an agent found well
  /// again.
  func readRequests() throws(Failure) {
    forgetBlocks()
    try readCancels()
    try probeRecovered()
    if takesFiles { try recover() }
  }

  func readCancels() throws(Failure) {
    for run in try journal.read({ try $0.active() }) where run.isCancelRequested && owned[run.id] != nil {
      pending.append(.cancel(run.id))
    }
  }

  /// Probes the agents that are unhealthy here and that `astro agents --probe` has just recorded as healthy.
  private func probeRecovered() throws(Failure) {
    let ill = scheduler.agentPool.members.map(\.id).filter { scheduler.agentRecord($0)?.isHealthy == false }
    guard !ill.isEmpty else { return }
    for record in try journal.read({ try $0.agents() }) where ill.contains(record.id) {
      // Only a success is told: the agent's own probes go on, and a second failure would begin a second row of them.
      guard AgentPool.Record(record).isHealthy, agent.probe() == nil else { continue }
      pending.append(.probed(agent: record.id, error: nil))
    }
  }
}

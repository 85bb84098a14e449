import AstroCore
import AstroScheduling
import Foundation
import Testing

/// Random workflows, agents, outcomes, limits, cancels, holds, releases and restarts, from numbered seeds: a failing seed is in the
/// message and fails again. ASTRO_HISTORIES raises the number of histories.
@Suite struct Histories {
  private static let count = UInt64(ProcessInfo.processInfo.environment["ASTRO_HISTORIES"] ?? "") ?? 3000

  @Test func everyHistoryKeepsThePromises() {
    for seed in 0..<Self.count {
      let history = History(seed: seed)
      history.play()
      #expect(history.faults.isEmpty, "seed \(seed): \(history.faults.prefix(3))")
      if !history.faults.isEmpty { return }
    }
  }
}

private struct Random: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state >> 33) ^ (state << 31)
  }
}

private final class History {
  var random: Random
  let world: World
  var seeds: [WorkflowID: RunSeed] = [:]
  var parallel: Int
  var agents: [AgentPool.Member]
  var faults: [String] = []
  var seenUpdates = 0
  var seenLaunches = 0
  var states: [String: TaskState] = [:]
  var cancelled: Set<WorkflowID> = []
  var held: Set<WorkflowID> = []
  var launches: Set<AttemptKey> = []
  let limited: Bool

  init(seed: UInt64) {
    var random = Random(state: seed &* 2_654_435_761 &+ 1)
    parallel = .random(in: 1...4, using: &random)
    agents = (0..<Int.random(in: 1...3, using: &random)).map { index in
      .shell(
        "agent\(index)", slots: Bool.random(using: &random) ? .random(in: 1...3, using: &random) : nil,
        capabilities: index == 0 ? ["shell"] : ["shell", "cap\(index)"])
    }
    world = World(parallel: parallel, ahead: .random(in: 0...16, using: &random), agents: agents)
    limited = Int.random(in: 0..<4, using: &random) == 0
    self.random = random
  }

  func play() {
    if limited {
      var coin = Random(state: random.next())
      world.limiter = { start in
        guard Int.random(in: 0..<3, using: &coin) == 0 else { return nil }
        return LimitVerdict(
          limiter: "task_submission", key: start.user, allowed: false, limit: 1, remaining: 0,
          resetAt: Timestamp(microseconds: 0), retryAfter: .seconds(2))
      }
    }
    for index in 0..<Int.random(in: 1...4, using: &random) {
      let seed = makeRun(index)
      seeds[seed.id] = seed
      world.tell(.admitted(seed))
      check()
    }
    var steps = 0
    while world.ended.count < seeds.count, steps < 2000, faults.isEmpty {
      step()
      check()
      steps += 1
    }
    if world.ended.count < seeds.count { faults.append("a run was forgotten: \(states)") }
    for (id, seed) in seeds {
      for task in seed.plan.tasks where states["\(id)/\(task.id)"]?.isTerminal != true {
        faults.append("\(id)/\(task.id) never came to an end")
      }
    }
    if world.scheduler.runningAttempts != 0 || !world.running.isEmpty { faults.append("attempts left") }
  }

  private func makeRun(_ number: Int) -> RunSeed {
    let count = Int.random(in: 1...12, using: &random)
    var tasks: [TaskPlan] = []
    for index in 0..<count {
      var needs: [Int] = []
      for other in 0..<index where Int.random(in: 0..<3, using: &random) == 0 { needs.append(other) }
      var task = TaskPlan.named("t\(index)", needs: needs)
      task.continueOnError = Int.random(in: 0..<6, using: &random) == 0
      task.retry = RetryPolicy(attempts: .random(in: 1...3, using: &random))
      if Int.random(in: 0..<4, using: &random) == 0 { task.timeout = .seconds(30) }
      if agents.count > 1, Int.random(in: 0..<4, using: &random) == 0 {
        task.agent = AgentRequest(capabilities: ["cap1"])
      }
      switch Int.random(in: 0..<12, using: &random) {
      case 0: task.condition = .call(.always, [])
      case 1: task.condition = .call(.failure, [])
      case 2: task.condition = .literal(.bool(false))
      default: break
      }
      tasks.append(task)
    }
    return .of(
      tasks, id: "run\(number)", user: ["ann", "bob"].randomElement(using: &random) ?? "ann",
      priority: .random(in: -1...1, using: &random), at: world.now.wall
    ) { if Int.random(in: 0..<8, using: &self.random) == 0 { $0.deadline = .seconds(300) } }
  }

  private func step() {
    switch Int.random(in: 0..<42, using: &random) {
    case 0: cancelOne()
    case 1: holdOne()
    case 2: releaseOne()
    case 40: restart()
    case 41: stopAndRestart()
    case 3...8:
      if let due = world.scheduler.nextDue {
        advance(to: due)
      } else {
        endOne()
      }
    default:
      if let key = world.undecided.min(by: { $0.description < $1.description }), Bool.random(using: &random) {
        world.tellNeverBegan(key)
      } else if world.running.isEmpty {
        turnClock()
      } else {
        endOne()
      }
    }
  }

  private func restart() {
    world.restart(held: held, cancelled: cancelled) { _ in Int.random(in: 0..<3, using: &self.random) == 0 }
  }

  /// A runner that leaves in good order leaves no start behind that has no process.
  private func stopAndRestart() {
    world.tell(.stopping)
    for key in world.committed { faults.append("\(key) stays committed after a stop") }
    restart()
  }

  private func turnClock() {
    if let key = world.undecided.min(by: { $0.description < $1.description }) { return world.tellNeverBegan(key) }
    guard let due = world.scheduler.nextDue else {
      // Only a release can bring a world forward in which all that is left is held.
      if !held.isEmpty { return releaseOne() }
      if world.ended.count < seeds.count { faults.append("nothing runs, nothing is due, and runs are left") }
      return
    }
    advance(to: due)
  }

  /// Turns the clock to `due` and answers the probes that fall due with it.
  private func advance(to due: Int64) {
    world.advance(.microseconds(max(0, due - world.now.boot)))
    let asked = world.probes
    world.probes = []
    for agent in asked { world.tell(.probed(agent: agent, error: Bool.random(using: &random) ? "ill" : nil)) }
  }

  private func cancelOne() {
    guard let id = seeds.keys.sorted().randomElement(using: &random) else { return }
    if world.ended[id] == nil { cancelled.insert(id) }
    held.remove(id)
    world.tell(.cancel(id))
  }

  private func holdOne() {
    guard let id = seeds.keys.sorted().randomElement(using: &random) else { return }
    if world.ended[id] == nil, !cancelled.contains(id) { held.insert(id) }
    world.tell(.hold(id))
    for key in world.committed where key.workflow == id && held.contains(id) {
      faults.append("\(key) stays committed in a held run")
    }
  }

  private func releaseOne() {
    guard let id = held.sorted().randomElement(using: &random) else { return }
    held.remove(id)
    world.tell(.release(id))
  }

  private func endOne() {
    guard let key = world.running.keys.sorted(by: { $0.description < $1.description }).randomElement(using: &random)
    else { return }
    let outcome: AttemptOutcome
    switch Int.random(in: 0..<12, using: &random) {
    case 0: outcome = .exited(1)
    case 1: outcome = .signalled(9)
    case 2: outcome = .notStarted(reason: "no processes left", infrastructure: true)
    case 3: outcome = .lost("the warden died")
    default: outcome = .exited(0)
    }
    world.end(key, outcome)
  }

  /// What must hold after every step, checked against records of this test's own.
  private func check() {
    for change in world.updates[seenUpdates...] {
      let name = "\(change.workflow)/\(change.task)"
      if states[name]?.isTerminal == true { faults.append("\(name) changed after its end") }
      states[name] = change.state
    }
    seenUpdates = world.updates.count
    held.subtract(world.ended.keys)
    if world.forgotten.contains(where: { !$0.wasCommitted }) { faults.append("a start was taken back twice") }
    for key in world.launched[seenLaunches...] {
      if !launches.insert(key).inserted { faults.append("\(key) started twice") }
      if held.contains(key.workflow) { faults.append("\(key) started in a held run") }
      guard let seed = seeds[key.workflow], let task = seed.plan.tasks.first(where: { $0.id == key.task }) else {
        continue
      }
      for need in task.needs where states["\(key.workflow)/\(seed.plan.tasks[need].id)"]?.isTerminal != true {
        faults.append("\(key) started before its need \(seed.plan.tasks[need].id)")
      }
    }
    seenLaunches = world.launched.count
    if world.running.count > parallel { faults.append("\(world.running.count) run, bound \(parallel)") }
    for agent in agents {
      let load = world.running.values.count { $0.agent == agent.id }
      if let slots = agent.maxConcurrent, load > slots { faults.append("\(agent.id) has \(load) of \(slots)") }
    }
    checkThatNoSlotIsIdle()
  }

  private func checkThatNoSlotIsIdle() {
    // What the scheduler cannot know never began holds its slot.
    guard !limited, world.undecided.isEmpty, world.running.count < parallel else { return }
    for (id, seed) in seeds
    where world.ended[id] == nil && !cancelled.contains(id) && !held.contains(id) && seed.plan.deadline == nil {
      for task in seed.plan.tasks where task.condition == nil && states["\(id)/\(task.id)"] == nil {
        let name = "\(id)/\(task.id)"
        guard !world.running.keys.contains(where: { $0.workflow == id && $0.task == task.id }) else { continue }
        let eligible = task.needs.allSatisfy { need in
          let plan = seed.plan.tasks[need]
          switch states["\(id)/\(plan.id)"] {
          case .succeeded: return true
          case .failed, .timedOut, .lost: return plan.continueOnError
          default: return false
          }
        }
        guard eligible else { continue }
        let free = agents.contains { agent in
          agent.suits(task.agent) && world.scheduler.agentRecord(agent.id)?.isHealthy == true
            && world.running.values.count { $0.agent == agent.id } < agent.maxConcurrent ?? .max
        }
        if free { faults.append("\(name) could run and a slot is idle") }
      }
    }
  }
}

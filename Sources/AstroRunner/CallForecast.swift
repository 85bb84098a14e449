import AstroAgents
public import AstroCore
import AstroLLM
import AstroSpool

/// The most that the calls of a workflow to models can take, as far as that is known before it runs.
public struct CallForecast: Sendable, Equatable {
  /// With every turn, every call that asks again, and every attempt.
  public var calls: Int64 = 0
  public var tokens: Int64 = 0
  public var cost = Money.zero
  /// Tasks whose prompt is known only when they start: their tokens and cost are not in the sums.
  public var unknown: [String] = []
  /// Models without a price, whose cost is not in the sum.
  public var unpriced: [String] = []
  /// What ends the run before it has cost more; `nil` is nothing.
  public var budget: Money?

  /// What the run can cost at most; `nil` where that is not known.
  public var ceiling: Money? {
    if let budget { return unknown.isEmpty && unpriced.isEmpty ? min(cost, budget) : budget }
    return unknown.isEmpty && unpriced.isEmpty ? cost : nil
  }

  public init() {}

  /// - Parameter agents: those that could take each task, by its position.
  init(_ workflow: CheckedWorkflow, _ performers: [String: any Performer], agents: [[String]], runs: String) {
    budget = workflow.plan.budget?.cost
    let id = WorkflowID(unchecked: "\(workflow.name)-plan")
    let context = ExpressionContext.outside(params: workflow.params, name: workflow.name, user: workflow.user) { _ in
      .map([:])
    }
    for (position, task) in workflow.plan.tasks.enumerated() {
      guard case .request(let template) = task.work,
        let performer = agents[position].compactMap({ performers[$0] as? LLMAgent }).first
      else { continue }
      if let requests = workflow.requests {
        add(requests, of: task, by: performer, AttemptKey(workflow: id, task: task.id, number: 1))
        continue
      }
      let value = try? template.render(in: context, secrets: workflow.plan.secrets)
      guard let with = value.map({ $0.revealed { _ in "" } }), let asked = try? performer.task(with) else {
        unknown.append(task.id)
        continue
      }
      let request = PerformanceRequest(
        key: AttemptKey(workflow: id, task: task.id, number: 1), user: workflow.user, agent: agents[position][0],
        with: with, directory: RunDirectory(id, in: runs), promise: AttemptPromise())
      let times = Int64(asked.mostCalls * task.retry.attempts)
      calls += times
      // What other tasks come to is not known, nor a file that they make.
      guard !template.readsTasks, let ceiling = try? performer.ceiling(of: request) else {
        unknown.append(task.id)
        continue
      }
      add(ceiling, times, under: task.budget, asked.ceilings.cost)
    }
  }

  /// Each request is one call; of each only its sums are kept.
  private mutating func add(_ requests: BatchLines, of task: TaskPlan, by agent: LLMAgent, _ key: AttemptKey) {
    for (number, text) in requests {
      calls += 1
      // They were checked; one that is none now would be told by name.
      guard let line = try? BatchLine(text, number: number), let call = try? RawCall(line) else {
        if !unknown.contains(task.id) { unknown.append(task.id) }
        continue
      }
      add(agent.ceiling(of: call), 1, under: nil, nil)
    }
  }

  private mutating func add(_ ceiling: CallCeiling, _ times: Int64, under budget: BudgetPlan?, _ own: Money?) {
    let (taken, overflow) = ceiling.tokens.multipliedReportingOverflow(by: times)
    let (sum, overflowToo) = tokens.addingReportingOverflow(taken)
    tokens = overflow || overflowToo ? .max : sum
    guard let each = ceiling.cost else {
      if !unpriced.contains(ceiling.model) { unpriced.append(ceiling.model) }
      return
    }
    let (all, isTooMuch) = each.picodollars.multipliedReportingOverflow(by: times)
    let most = Money(picodollars: isTooMuch ? .max : all)
    cost += [budget?.cost, own].compactMap { $0 }.reduce(most, min)
  }
}

extension LLMTask {
  /// How many calls to the model it may make.
  fileprivate var mostCalls: Int {
    if !tools.isEmpty { return ceilings.turns }
    return outputSchema == nil ? 1 : min(ceilings.turns, 1 + ceilings.reasks)
  }
}

extension ValueTemplate {
  /// Whether what it comes to depends on what other tasks come to.
  fileprivate var readsTasks: Bool {
    templates.contains { template in
      template.parts.contains {
        if case .expression(let expression) = $0 { expression.reads([.tasks, .env]) } else { false }
      }
    }
  }
}

public import AstroCore
import AstroScheduling
import AstroSpool

extension Explanation.Cause {
  /// A word for programs.
  public var code: String {
    switch self {
    case .running: "running"
    case .need: "dependency"
    case .backoff: "backoff"
    case .limit, .ownLimit: "limit"
    case .equalTask: "equal_task"
    case .agents: "agents"
    case .noAgent: "no_agent"
    case .parallel: "max_parallel_tasks"
    case .held: "held"
    case .cancelling: "cancelling"
    case .deadline: "deadline"
    case .noRunner: "no_runner"
    case .betweenRunners: "between_runners"
    case .next: "next"
    }
  }

  /// How a run goes on that is held for a reason; ``BudgetRecord`` says what of a budget is used up.
  private static func cure(of run: WorkflowID, heldFor reason: String) -> String {
    guard reason.hasPrefix("the budget ") else { return "let it go on with: astro release \(run)" }
    if reason.hasPrefix("the budget '") {
      return "wait for its next period, or raise it in config/system_config.yaml, and go on with: astro release \(run)"
    }
    let start = "the budget of task '"
    var task = ""
    if reason.hasPrefix(start) { task = " --task \(reason.dropFirst(start.count).prefix { $0 != "'" })" }
    var amount = "--usd AMOUNT"
    if reason.contains(" calls are made") { amount = "--calls NUMBER" }
    if reason.contains(" tokens ") { amount = "--tokens NUMBER" }
    return "raise it and go on with: astro release \(run)\(task) \(amount)"
  }

  /// One sentence for people.
  public func sentence(at now: Timestamp) -> String {
    switch self {
    case .running(let attempt, let agent, let since):
      "attempt \(attempt) runs on \(agent) since \(since.rfc3339), for \(Notation.spell(max(.zero, now - since)))"
    case .need(let task, let state): "needs '\(task)', which is \(state.rawValue)"
    case .backoff(let number, let count, let until, let reason):
      (number <= count ? "retry \(number) of \(count)" : "tried again") + " at \(until.told(at: now))"
        + (reason.map { " (\($0))" } ?? "")
    case .limit(let verdict, let opensAt): verdict.sentence(opensAt, now)
    case .ownLimit(LimiterName.quota, let until):
      "limit provider_quota: the key of its fallback is used up, tried again at \(until.told(at: now))"
    case .ownLimit(let limiter, let until):
      (Explanation.budget(limiter) ?? "limit \(limiter)")
        + ": it has too little for this task until \(until.told(at: now))"
    case .equalTask: TaskChange.following
    case .agents(let agents): agents.map { $0.phrase(at: now) }.joined(separator: "; ")
    case .noAgent(let request):
      "it asks for \(request.phrase), and none is configured: add one to config/agents.yaml, or cancel the run"
    case .parallel(let running, let most):
      "no free slot: \(running) tasks run, max_parallel_tasks is \(most)"
    case .held(let run, nil): "held; let it go on with: astro release \(run)"
    case .held(let run, let reason?): "held: \(reason); \(Self.cure(of: run, heldFor: reason))"
    case .cancelling: "being cancelled: only tasks whose if holds always() or cancelled() still start"
    case .deadline(let time): "ends as failed when it is not done by \(time.told(at: now)) (deadline)"
    case .noRunner: "no runner works on this home: start astro watch or astro drain"
    case .betweenRunners: "its runner is gone; another one is at work and takes it over within seconds"
    case .next: "nothing stands in its way: its runner takes it next"
    }
  }
}

extension Explanation.Agent {
  fileprivate func phrase(at now: Timestamp) -> String {
    switch self {
    case .full(let id, let running, let slots): "agent \(id): \(running) of \(slots) running"
    case .unhealthy(let id, let error, let probe):
      "agent \(id) is unhealthy" + (error.map { " (\($0))" } ?? "")
        + (probe.map { ", asked again at \($0.told(at: now))" } ?? ", asked again when a runner starts")
    }
  }
}

extension Explanation {
  /// The budget that a limiter stands for, as it is told; `nil` where it is a limit.
  fileprivate static func budget(_ limiter: String) -> String? {
    switch limiter {
    case LimiterName.runBudget: "the budget of the run"
    case LimiterName.taskBudget: "the budget of the task"
    case _ where limiter.hasPrefix("budget:"): "budget \(limiter.dropFirst("budget:".count))"
    default: nil
    }
  }
}

extension LimitVerdict {
  func sentence(_ opensAt: Timestamp?, _ now: Timestamp) -> String {
    let whose = key.isEmpty ? "" : " of \(key)"
    guard let opensAt else {
      return "limit \(limiter)\(whose): \(limit - remaining) of \(limit) used, until one that has a place ends"
    }
    if limiter == LimiterName.quota {
      return "limit \(limiter)\(whose): its key is used up, tried again at \(opensAt.told(at: now))"
    }
    if let budget = Explanation.budget(limiter) {
      // Of a run or a task the key is an identifier of no use here.
      let whose = limiter.hasPrefix("budget:") ? whose : ""
      return "\(budget)\(whose): it has too little for this task until \(opensAt.told(at: now))"
    }
    // A provider's own limit has no number that is known.
    if limit == 0, key.isEmpty { return "limit \(limiter) is not configured: add it to config/system_config.yaml" }
    let used =
      if let toldLimit, isOfMoney {
        "\(Money(picodollars: toldLimit - remaining).spelled) of \(Money(picodollars: toldLimit).spelled) USD used"
      } else { toldLimit.map { "\($0 - remaining) of \($0) used" } ?? "closed by the provider" }
    return "limit \(limiter)\(whose): \(used), opens for it at \(opensAt.told(at: now))"
  }
}

extension LimitVerdict {
  private var isOfMoney: Bool { limiter.hasSuffix("/\(LimitPlace.Dimension.spend.rawValue)") }
}

extension Timestamp {
  /// A time with its distance: `2026-11-24T02:00:00.000Z, in 12s`; of one that is past only the time.
  public func told(at now: Timestamp) -> String {
    self > now ? "\(rfc3339), in \(Notation.spell(self - now))" : rfc3339
  }
}

extension FileExplanation.Cause {
  /// A word for programs.
  public var code: String {
    switch self {
    case .ignored: "ignored"
    case .refused: "refused"
    case .notYet(let reason, _): reason.rawValue
    case .stuck: "stuck"
    case .notBefore: "not_before"
    case .limit: "limit"
    case .full: "max_active_workflows"
    case .noRunner: "no_runner"
    case .next: "next"
    }
  }

  /// One sentence for people.
  public func sentence(at now: Timestamp) -> String {
    switch self {
    case .ignored: "files of this name are ignored: name it *.yaml, *.yml or *.json"
    case .refused(let errors):
      "will be rejected: \(errors.first?.message ?? "")" + (errors.count > 1 ? " (and \(errors.count - 1) more)" : "")
    case .notYet(let reason, let until): reason.sentence(until, now)
    case .stuck(let why): "it cannot be taken: \(why)"
    case .notBefore(let time): "not_before: \(time.told(at: now))"
    case .limit(let verdict, let opensAt): verdict.sentence(opensAt, now)
    case .full(let active, let held, let most):
      "max_active_workflows: \(active) of \(most) runs are active" + (held > 0 ? ", \(held) of them held" : "")
    case .noRunner: "no runner works on this home: start astro watch or astro drain"
    case .next: "nothing stands in its way: a runner takes it next"
    }
  }
}

extension NotYet.Reason {
  fileprivate func sentence(_ until: Timestamp, _ now: Timestamp) -> String {
    switch self {
    case .beingWritten: "being written: a process holds it open for writing"
    case .resting: "it changed just now; taken when it has stood still until \(until.told(at: now))"
    case .noFinalNewline: "no newline at its end, so it may be a cut-off copy; rejected at \(until.told(at: now))"
    case .empty: "empty; rejected at \(until.told(at: now)) unless it is filled"
    case .unsettled: "not acceptable as it is; rejected at \(until.told(at: now)) unless it changes"
    case .unreadable: "it cannot be read at the moment: looked at again, and rejected when that lasts"
    }
  }
}

import ArgumentParser
import AstroCore
import AstroRunner

struct HoldCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Start nothing more of a run; what runs of it finishes.",
    discussion: """
      The run keeps its results and stays held, over restarts too, until astro release. Its deadline goes on. A drain \
      leaves it where it is. astro cancel ends a held run. Exit code 66 when there is no such run, or when it has ended.
      """)
  @OptionGroup var target: RunTarget

  func run() throws {
    let (id, requests) = try target.open()
    let isNew = try requests.hold(id)
    Output.line("\(id): \(isNew ? "held" : "is held already"); let it go on with: astro release \(id)")
  }
}

struct ReleaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Let a held run go on.",
    discussion: """
      A run whose budget is used up is held too: --usd, --tokens and --calls raise its budget, for good, or with --task \
      that of one task; so they do before it is used up. Exit code 64 when the run is not held and nothing is raised, or \
      when a budget would be lowered or does not bound what is given; 66 when there is no such run or task, or when the \
      run has ended.
      """)
  @OptionGroup var target: RunTarget
  @Option(help: "Raise the budget of this task, not of the whole run.") var task: String?
  @Option(help: "Raise the run's budget to so many USD.") var usd: String?
  @Option(help: "Raise it to so many tokens.") var tokens: Int64?
  @Option(help: "Raise it to so many calls.") var calls: Int64?

  func validate() throws {
    if let usd, Money(dollars: usd) == nil {
      throw ValidationError("--usd must be an amount such as 1.50, got '\(usd)'")
    }
    for (name, value) in [("tokens", tokens), ("calls", calls)] {
      if let value, value < 0 { throw ValidationError("--\(name) must not be negative, got \(value)") }
    }
    if task != nil, budget == BudgetPlan() { throw ValidationError("--task needs --usd, --tokens or --calls") }
  }

  private var budget: BudgetPlan {
    BudgetPlan(cost: usd.flatMap { Money(dollars: $0) }, tokens: tokens, calls: calls)
  }

  func run() throws {
    let (id, requests) = try target.open()
    guard budget != BudgetPlan() else {
      try requests.release(id)
      return Output.line("\(id): released")
    }
    let wasHeld = try requests.release(id, raising: budget, of: task)
    Output.line("\(id): \(wasHeld ? "released" : "its budget is raised; it was not held")")
  }
}

/// The one run that a verb asks something of.
struct RunTarget: ParsableArguments {
  @OptionGroup var home: HomeOption
  @Argument(help: "A run: its identifier, the start of it, or @latest.") var name: String

  func open() throws -> (WorkflowID, RunRequests) {
    let site = try home.open()
    let id = try site.resolve(name)
    return (id, RunRequests(journal: try site.openJournal(), home: site.home))
  }
}

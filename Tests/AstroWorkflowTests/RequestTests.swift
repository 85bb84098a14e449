import AstroCore
import Testing

@testable import AstroWorkflow

/// What `with`, limits, budgets and caches become in the plan.
@Suite struct Requests {
  private func task(_ text: String) throws -> TaskPlan {
    try #require(try plan("params: {n: 3}\nsecrets: {K: {env: KEY}}\ntasks:\n  t: \(text)\n").tasks.first)
  }

  private func request(_ text: String) throws -> ValueTemplate {
    guard case .request(let template) = try task("{agent: own, with: \(text)}").work else {
      throw Failure(.usage, subject: text, message: "is no request")
    }
    return template
  }

  @Test func aRequestWithoutExpressionsIsAConstant() throws {
    #expect(
      try request("{a: 1, b: [x, ~, true, 1.5], c: {d: 007}, 5: ''}")
        == .constant(
          .map([
            "a": .integer(1), "b": .list([.string("x"), .null, .bool(true), .number(1.5)]),
            "c": .map(["d": .string("007")]), "5": .string(""),
          ])))
    #expect(try request("{}") == .constant(.map([:])))
  }

  @Test func onlyWhatHoldsExpressionsIsATemplate() throws {
    #expect(
      try request("{a: [1, '${{ params.n }}'], b: {c: [2]}}")
        == .map([
          .init(
            name: "a",
            value: .list([
              .constant(.integer(1)), .text(Template(parts: [.expression(.member(.root(.params), "n"))])),
            ])), .init(name: "b", value: .constant(.map(["c": .list([.integer(2)])]))),
        ]))
  }

  @Test func aLoneExpressionKeepsItsTypeAndASecretStaysWhereItIs() throws {
    let template = try request("{n: '${{ params.n }}', text: 'n=${{ params.n }}', key: 'Bearer ${{ secrets.K }}'}")
    let context = ExpressionContext(root: { $0 == .params ? .map(["n": .integer(3)]) : .null })
    let secret = SecretPlan(name: "K", source: .environment("KEY"))
    #expect(
      try template.render(in: context, secrets: [secret])
        == .map([
          "n": .value(.integer(3)), "text": .value(.string("n=3")),
          "key": .secret([.text("Bearer "), .secret(secret)]),
        ]))
  }

  @Test func theFormIsPartOfWhatIsAskedFor() throws {
    #expect(try task("{agent: own, with: {}}").agent == AgentRequest(name: "own", form: .with))
    #expect(try task("{run: x}").agent == AgentRequest(form: .run))
  }

  @Test func stdoutReadInARequestIsKept() throws {
    let tasks = try plan(
      """
      tasks:
        a: {run: x}
        b: {run: x}
        c: {agent: llm, needs: [a, b], with: {prompt: '${{ tasks.a.stdout }} ${{ tasks.b.status }}'}}

      """
    ).tasks
    #expect(tasks.map(\.keepsStdout) == [true, false, false])
  }

  @Test func limitsBudgetsAndCachesArrive() throws {
    let plan = try plan(
      """
      budget: {usd: 1.50, tokens: 200000, calls: 100}
      defaults: {limits: [a], budget: {calls: 5}, cache: {max_age: 1h}}
      tasks:
        own: {run: x, limits: [b, c], budget: {usd: 0.10}, cache: true}
        none: {run: x, limits: [], cache: false}
        default: {run: x}

      """)
    #expect(plan.budget == BudgetPlan(cost: Money(picodollars: 1_500_000_000_000), tokens: 200_000, calls: 100))
    #expect(plan.tasks.map(\.limits) == [["b", "c"], [], ["a"]])
    #expect(
      plan.tasks.map(\.budget) == [
        BudgetPlan(cost: Money(picodollars: 100_000_000_000)), BudgetPlan(calls: 5), BudgetPlan(calls: 5),
      ])
    #expect(plan.tasks.map(\.cache) == [CachePlan(), nil, CachePlan(maxAge: .seconds(3600))])
  }

  @Test func withoutAnyThereIsNone() throws {
    let plan = try plan("tasks: {a: {run: x}}\n")
    #expect(plan.budget == nil && plan.tasks[0].budget == nil)
    #expect(plan.tasks[0].limits == [] && plan.tasks[0].cache == nil)
  }

  @Test func aPriceMayBeThatOfAPrefix() {
    let home = Surroundings(agents: [], pricedModels: ["gpt-4o", "claude-*"])
    #expect(home.hasPrice(for: "gpt-4o") && home.hasPrice(for: "claude-x"))
    #expect(!home.hasPrice(for: "gpt-4o-mini") && !home.hasPrice(for: "claude"))
  }

  /// The stack holds as deep a request as a document may be.
  @Test func deepRequestsAreRead() throws {
    let depth = 60
    let text = String(repeating: "[", count: depth) + "'${{ params.n }}'" + String(repeating: "]", count: depth)
    var template = try request("{a: \(text)}")
    guard case .map(let members) = template else { throw Failure(.usage, subject: text, message: "is no mapping") }
    template = members[0].value
    for _ in 0..<depth {
      guard case .list(let items) = template else { throw Failure(.usage, subject: text, message: "is no list") }
      template = items[0]
    }
    #expect(template == .text(Template(parts: [.expression(.member(.root(.params), "n"))])))
  }
}

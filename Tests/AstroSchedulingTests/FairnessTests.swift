import AstroCore
import Testing

@testable import AstroScheduling

/// What a limit lets through goes to each user in turn, be it the start of an attempt or one of the many calls of one that runs.
struct FairnessTests {
  /// A limit that lets one through in a second, and users who want more of it.
  private final class Scene {
    let world: World
    private var last: Int64?
    private var number: Int64 = 0
    /// Attempts that ask for another call as soon as they have one.
    private var batches: Set<AttemptKey> = []
    private var seen = 0

    init() {
      world = World(
        parallel: 1,
        agents: [
          .init(
            id: "model", kind: "llm", capabilities: ["text"], maxConcurrent: 40, form: .with, isPerformer: true,
            limits: ["gate"])
        ])
      world.limiter = { [unowned self] _ in pass() }
      world.callLimiter = { [unowned self] _ in pass() }
    }

    private func pass() -> LimitVerdict? {
      let now = world.now.boot
      if let last, now - last < 1_000_000 {
        let wait = Duration.microseconds(last + 1_000_000 - now)
        return LimitVerdict(
          limiter: "gate", key: "", allowed: false, limit: 1, remaining: 0, resetAt: world.now.wall, retryAfter: wait)
      }
      last = now
      return nil
    }

    private func task(_ name: String) -> TaskPlan {
      .named(name) {
        $0.work = .request(.constant(.map([:])))
        $0.agent = AgentRequest(form: .with)
      }
    }

    /// A user with tasks that make one call each.
    func add(_ user: String, tasks: Int) {
      world.tell(.admitted(.of((1...tasks).map { task("t\($0)") }, id: "run-\(user)", user: user)))
    }

    /// A user with one attempt that asks for many calls at a time.
    func addBatch(_ user: String, lanes: Int) throws {
      world.tell(.admitted(.of([task("batch")], id: "batch-\(user)", user: user)))
      while !world.running.keys.contains(where: { $0.workflow.text == "batch-\(user)" }) { step() }
      let key = try #require(world.running.keys.first { $0.workflow.text == "batch-\(user)" })
      batches.insert(key)
      seen = world.grants.count
      for _ in 1...lanes { ask(key) }
    }

    func ask(_ key: AttemptKey, patience: Duration = .seconds(30)) {
      number += 1
      world.tell(.asked(CallAsk(number: number, of: key, to: "model", until: world.now.boot + patience.microseconds)))
    }

    /// One second: what is let through is done, and done again where there is more.
    func step() {
      world.advance(.seconds(1))
      for grant in world.grants[seen...] {
        if batches.contains(grant.key) {
          ask(grant.key)
        } else if world.running[grant.key] != nil, !grant.key.task.hasPrefix("batch") {
          world.end(grant.key, .performed(.completed, nil))
        }
      }
      seen = world.grants.count
    }
  }

  private func counts(_ grants: some Sequence<(key: AttemptKey, user: String)>) -> [String: Int] {
    grants.reduce(into: [:]) { $0[$1.user, default: 0] += 1 }
  }

  @Test(arguments: 2...16)
  func aBatchHasNoMoreThanEverybodyElse(users: Int) throws {
    let scene = Scene()
    try scene.addBatch("batch", lanes: 64)
    for _ in 1...30 { scene.step() }
    for user in 1..<users { scene.add("u\(user)", tasks: 100) }
    let first = scene.world.grants.count
    for _ in 1...(users * 10) { scene.step() }
    let given = counts(scene.world.grants[first...])
    #expect(given.count == users && given.values.allSatisfy { (9...11).contains($0) }, "\(given)")
  }

  @Test(arguments: 2...16)
  func aNewcomerWaitsForOneCallOfEachAtMost(users: Int) throws {
    let scene = Scene()
    try scene.addBatch("batch", lanes: 64)
    for user in 1..<users {
      if user.isMultiple(of: 3) {
        try scene.addBatch("u\(user)", lanes: user)
      } else {
        scene.add("u\(user)", tasks: 100)
      }
    }
    for _ in 1...(users * 5) { scene.step() }
    for newcomer in 1...3 {
      let first = scene.world.grants.count
      scene.add("new\(newcomer)", tasks: 1)
      for _ in 0...users { scene.step() }
      let before = scene.world.grants[first...].prefix { $0.user != "new\(newcomer)" }
      #expect(before.count <= users && counts(before).values.allSatisfy { $0 == 1 }, "\(counts(before))")
    }
  }

  @Test func aNewcomerWithABatchWaitsNoLonger() throws {
    let scene = Scene()
    for user in 1...4 { scene.add("u\(user)", tasks: 100) }
    for _ in 1...20 { scene.step() }
    let first = scene.world.grants.count
    try scene.addBatch("batch", lanes: 8)
    for _ in 1...50 { scene.step() }
    let given = counts(scene.world.grants[first...])
    #expect(given.count == 5 && given.values.allSatisfy { (9...13).contains($0) }, "\(given)")
  }

  @Test func whoDoesNotWaitIsToldAtOnceAndOvertakesNobody() throws {
    let scene = Scene()
    try scene.addBatch("ann", lanes: 2)
    let key = try #require(scene.world.running.keys.first)
    // The window is used up; others wait for it.
    scene.ask(key, patience: .zero)
    #expect(scene.world.turnedAway.map(\.place) == [LimitPlace(limiter: "gate", key: "")])
    #expect(scene.world.turnedAway.map(\.until) == [scene.world.now.boot + 1_000_000])
  }

  @Test func whoeverWaitsIsToldWhenItWillTakeTooLong() throws {
    let scene = Scene()
    try scene.addBatch("ann", lanes: 3)
    let key = try #require(scene.world.running.keys.first)
    scene.world.callLimiter = { _ in
      LimitVerdict(
        limiter: "provider", key: "model", allowed: false, limit: 0, remaining: 0, resetAt: Timestamp(microseconds: 0),
        retryAfter: .seconds(600))
    }
    scene.step()
    // One has asked; the others hear what it was told.
    #expect(scene.world.refused.map(\.key) == [key])
    #expect(scene.world.turnedAway.count == 2)
    #expect(scene.world.turnedAway.allSatisfy { $0.place == LimitPlace(limiter: "provider", key: "model") })
  }

  @Test func whatIsGivenBackGoesToWhoeverWaits() throws {
    let scene = Scene()
    try scene.addBatch("ann", lanes: 1)
    let before = scene.world.grants.count
    scene.world.callLimiter = { _ in nil }
    scene.world.tell(.opened([LimitPlace(limiter: "gate", key: "")]))
    #expect(scene.world.grants.count == before + 1)
  }

  @Test func whatRunsMayCallOnWhileNothingStarts() throws {
    let scene = Scene()
    try scene.addBatch("ann", lanes: 1)
    scene.add("bob", tasks: 3)
    scene.world.tell(.stopping)
    let before = scene.world.grants.count
    for _ in 1...3 { scene.step() }
    #expect(scene.world.grants[before...].map(\.user) == ["ann", "ann", "ann"])
  }
}

import AstroCore
import Testing

@Suite struct LimitRefusalTests {
  @Test(arguments: [
    (LimitRefusal.Origin.limit(LimitPlace(limiter: "gate", key: "ann")), "gate", "ann", "gate"),
    // What everybody waits for is the whole limit, what one task waits for is its own measure.
    (.limit(LimitPlace(limiter: "gate/tokens", key: "ann")), "gate", "ann", "gate/tokens"),
    (.limit(LimitPlace(limiter: "gate/tokens", key: "ann"), bindsOthers: false), "gate/tokens", "ann", "gate/tokens"),
    (.limit(LimitPlace(limiter: "gate/concurrent", key: "")), "gate/concurrent", "", "gate/concurrent"),
    (.key(of: "model"), "provider_quota", "model", "provider_quota"),
    (.provider(of: "model"), "provider", "model", "model"),
    (.server("example.org"), "example.org", "", "example.org"),
  ])
  func whereItIsWaitedFor(origin: LimitRefusal.Origin, limiter: String, key: String, name: String) {
    let refusal = LimitRefusal(origin, until: Timestamp(microseconds: 1))
    #expect(refusal.place == LimitPlace(limiter: limiter, key: key))
    #expect(refusal.name == name)
  }
}

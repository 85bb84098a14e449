import Testing

/// A sample of what `make torture` does with fifty thousand requests.
@Suite struct BatchHarnessTests {
  @Test func `a batch whose runner is killed has every id exactly once`() throws {
    let verdict = try Torture("batch.py", "--requests", "2000", "--few", "200", "--kills", "2").verdict()
    #expect(verdict.hasPrefix("2000 requests, 2 kills: each has one result; "))
  }
}

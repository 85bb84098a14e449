import Testing

/// Samples of what `make torture` does whole: floods of output, paths out of the home, text that could be code.
@Suite struct BoundHarnessTests {
  /// R37
  @Test func `a flood of output grows neither the disk nor the runner`() throws {
    let flood = try Torture("output-flood.py", "--bytes", "500000000", "--seconds", "1").verdict()
    #expect(flood.contains(": marked, exact; disk at most "))
  }

  /// R31
  @Test func `no spelling of a path leads out of the home`() throws {
    let sample = try Torture("confinement.py", "--share", "\(Int.random(in: 0..<40))/40").verdict()
    #expect(sample.hasSuffix(": nothing touched outside\n"))
    _ = try Torture("confinement.py", "--control", "--share", "0/200").verdict()
  }

  /// R30
  @Test func `no text is taken for code, and each arrives as it was`() throws {
    let sample = try Torture("injection.py", "--share", "\(Int.random(in: 0..<4))/4").verdict()
    #expect(sample.hasSuffix(": 0 ran the canary, all delivered byte for byte\n"))
  }
}

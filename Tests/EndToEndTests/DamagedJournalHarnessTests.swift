import Testing

/// A sample of what `make torture` does with 500 flips.
@Suite struct DamagedJournalHarnessTests {
  /// R29
  @Test func `journals cut, flipped and taken away are refused or work on, and nothing is lost`() throws {
    let trials = try Torture("damaged-journal.py", "--seed", "29", "--flips", "12", "--sample").verdict()
    #expect(trials.contains(": 0 lost, 0 twice, no counter smaller"))
  }
}

import Testing

/// Samples of the faults that `make torture` plays in full, each over the built binary.
@Suite(.serialized) struct FaultsHarnessTests {
  /// Goal R38.
  @Test func `no process to be had loses nothing, runs nothing twice and is waited for without a spin`() throws {
    #expect(try Torture("faults.py", "--only", "fork").verdict().contains("12 files: 0 lost, 0 twice"))
  }

  /// Goal R38.
  @Test func `no descriptor to be had ends no pass by a crash, and no run`() throws {
    #expect(
      try Torture("faults.py", "--only", "descriptors", "--passes", "12").verdict().contains(" files: 0 lost, 0 twice"))
  }

  /// Goal R9.
  @Test func `a data directory without inodes is waited for`() throws {
    #expect(try Torture("faults.py", "--only", "inodes").verdict().contains("then all: 0 lost, 0 twice"))
  }

  /// Goals R14 and R15.
  @Test func `files whose events the kernel dropped are found, and so are those nothing tells of`() throws {
    let said = try Torture("faults.py", "--only", "overflow", "instances", "--files", "200").verdict()
    #expect(said.contains("200 files beside a stopped watcher"))
    #expect(said.contains("the spool is polled, health says so, 20 files: 0 lost, 0 twice"))
  }

  /// Goal R26.
  @Test func `steps of the clock make no run, break no limit and end no task`() throws {
    #expect(try Torture("faults.py", "--only", "clock", "--jumps", "4").verdict().contains("both ways: 0 extra runs"))
  }

  /// Goal R25.
  @Test func `a runner that is stopped keeps its work, others go on, and status says who`() throws {
    let said = try Torture("faults.py", "--only", "stopped").verdict()
    #expect(said.contains("stopped-run: ") && said.contains("stopped-commit: "))
  }

  /// Goal R27.
  @Test func `runners that are killed never exceed a limit`() throws {
    let said = try Torture("limit-storm.py", "--kills", "10", "--files", "12").verdict()
    #expect(said.contains("10 kills, 60 starts under 20 in 1 s: 0 windows above the limit"))
  }
}

import Foundation
import Testing

/// The disk fails at one moment of a pass: the kernel says so once, and would say that all is well when asked again.
@Suite struct FailingDiskTests {
  private static let effect = "tasks: {a: {run: 'echo ran >> \"$ASTRO_HOME/effect\"'}}\n"

  /// Runs a pass whose `number`th call of that name fails; under strace(1).
  private func pass(_ home: Home, failing call: String, _ number: Int) throws -> Command.Ending {
    try home.shell(
      "exec strace -qq -o /dev/null -e inject=\(call):error=EIO:when=\(number) \"$0\" drain --home \"$PWD\"")
  }

  /// A home in which a pass has run, so that the calls counted are those of one file.
  private func home() throws -> Home {
    let home = try Home()
    #expect(try home.astro("drain").code == 0)
    try home.submit(Self.effect)
    return home
  }

  private func expectAllIsMended(_ home: Home) throws {
    #expect(try home.astro("drain").code == 0)
    #expect(try home.read("effect") == "ran\n")
    #expect(home.names(in: "spool/done").count == 2)
    #expect(home.names(in: "spool/active").isEmpty && home.waiting.isEmpty)
    #expect(try home.sql("SELECT state, settled FROM run") == "succeeded|1")
  }

  /// The submitted file, the two directories of the claim, the receipt, the two of the settling.
  @Test(arguments: 1...6) func `an fsync that fails ends the pass and is not tried again`(number: Int) throws {
    let home = try home()
    let ending = try pass(home, failing: "fsync", number)
    #expect(ending.code == 69)
    #expect(ending.errors.contains(": cannot make it durable: Input/output error\n"), "\(ending)")
    #expect(try home.sql("SELECT count(*) FROM run WHERE settled = 1") == "0")
    #expect(try home.read("data/health.json").contains("\"status\":\"not_ready\""))
    try expectAllIsMended(home)
  }

  @Test func `these are all there are`() throws {
    let home = try home()
    #expect(try pass(home, failing: "fsync", 7).code == 0)
    try expectAllIsMended(home)
  }

  /// Of the claim with the first starts, of the end, of the mark that all is settled. The second call is SQLite's own, of
  /// the directory, whose answer it does not look at.
  @Test(arguments: [1, 3, 4]) func `a commit that fails is not taken for one`(number: Int) throws {
    let home = try home()
    let ending = try pass(home, failing: "fdatasync", number)
    #expect(ending.code == 69)
    #expect(ending.errors.contains("data/astro.sqlite: cannot read or write the journal: "), "\(ending)")
    try expectAllIsMended(home)
  }

  /// R6: at most 12 for a single-task file in a home that has been used.
  @Test func `a pass over one file waits for the disk eleven times`() throws {
    let home = try home()
    let traced = "exec strace -f -qq -o calls -e signal=none -e trace=fsync,fdatasync,sync_file_range,syncfs"
    let ending = try home.shell(traced + " \"$0\" drain --home \"$PWD\"")
    #expect(ending.code == 0)
    let calls = try home.read("calls").split(separator: "\n")
    #expect(calls.count == 11, "\(calls.joined(separator: "\n"))")
    try expectAllIsMended(home)
  }

  @Test func `a run is not marked as settled whose records may be lost`() throws {
    let home = try home()
    let ending = try pass(home, failing: "syncfs", 1)
    #expect(ending.code == 69)
    #expect(ending.errors.contains("data/runs: cannot make its file system durable: Input/output error\n"), "\(ending)")
    #expect(try home.sql("SELECT state, settled FROM run") == "succeeded|0")
    try expectAllIsMended(home)
  }
}

import AstroCore
import AstroTestKit
import Testing

@testable import AstroRunner

@Suite struct ReportDutyTests {
  private let home = TemporaryDirectory()

  private func duty(_ role: ReportDuty.Role) throws -> ReportDuty {
    try ReportDuty(path: home.path("reports.lock"), role: role)
  }

  private func turn(_ duty: ReportDuty) throws -> ReportDuty.Turn {
    var wrote = false
    let turn = try duty.perform { wrote = true }
    #expect(wrote == (turn == .written))
    return turn
  }

  @Test func aPassWritesWhileThereIsNoWatcher() throws {
    let pass = try duty(.pass)
    #expect(try turn(pass) == .written)
    #expect(try turn(try duty(.pass)) == .written)
  }

  @Test func aWatcherThatStartsDuringAPassTakesOverAtOnce() throws {
    let pass = try duty(.pass)
    #expect(try turn(pass) == .written)
    let watcher = try duty(.watcher)
    #expect(try turn(watcher) == .written)
    #expect(try turn(pass) == .others)
    #expect(try turn(watcher) == .written)
  }

  @Test func aPassThatOutlivesTheWatcherTakesOver() throws {
    let pass = try duty(.pass)
    var watcher: ReportDuty? = try duty(.watcher)
    #expect(try turn(#require(watcher)) == .written)
    #expect(try turn(pass) == .others)
    watcher = nil
    #expect(try turn(pass) == .written)
  }

  @Test func ofTwoWatchersTheFirstWritesAndTheSecondWaitsForItsEnd() throws {
    var first: ReportDuty? = try duty(.watcher)
    #expect(try turn(#require(first)) == .written)
    let second = try duty(.watcher)
    #expect(try turn(second) == .others)
    first = nil
    #expect(try turn(second) == .written)
  }

  @Test func nobodyWritesWhileAnotherDoes() throws {
    let (one, other) = (try duty(.pass), try duty(.pass))
    let watcher = try duty(.watcher)
    let outer = try one.perform { () throws(Failure) in
      for duty in [other, watcher] {
        let inner = try duty.perform {}
        #expect(inner == .busy)
      }
    }
    #expect(outer == .written)
    #expect(try turn(other) == .written)
  }

  @Test func aWriteThatFailsPutsThePenDown() throws {
    let pass = try duty(.pass)
    let failure = Failure(.io, subject: "s", message: "m")
    #expect(throws: failure) { try pass.perform { () throws(Failure) in throw failure } }
    #expect(try turn(try duty(.pass)) == .written)
  }

  @Test func theLastPassKnowsThatItIs() throws {
    let one = try duty(.pass)
    #expect(one.isLastPass)
    var other: ReportDuty? = try duty(.pass)
    #expect(!one.isLastPass && other?.isLastPass == false)
    other = nil
    #expect(one.isLastPass)
    // A watcher is no pass.
    let watcher = try duty(.watcher)
    #expect(try turn(watcher) == .written)
    #expect(one.isLastPass)
  }

  @Test func aLockThatCannotBeMadeIsAnErrorThatNamesIt() {
    let path = home.path("none/reports.lock")
    let failure = #expect(throws: Failure.self) { try ReportDuty(path: path, role: .pass) }
    #expect(failure?.description == "\(path): cannot open the lock of the reports: No such file or directory")
  }
}

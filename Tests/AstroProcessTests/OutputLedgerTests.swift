import AstroCore
import AstroTestKit
import Foundation
import Testing

@testable import AstroProcess

@Suite struct OutputLedgerTests {
  private let directory = TemporaryDirectory()
  private let run = WorkflowID(unchecked: "flow-20261124T020000Z-abcdef")

  private func key(_ task: String, of other: String? = nil) -> AttemptKey {
    AttemptKey(workflow: other.map { WorkflowID(unchecked: $0) } ?? run, task: task, number: 1)
  }

  private func end(_ key: AttemptKey, stdout: String?) -> ExitLogRecord {
    let at = Timestamp(microseconds: 1)
    return .exit(
      ExitRecord(
        key: key, status: .exited(0), startedAt: at, finishedAt: at, duration: .zero, usage: ResourceUsage(),
        stdout: stdout, stderr: nil))
  }

  private func append(_ records: ExitLogRecord...) throws {
    var bytes: [UInt8] = []
    for record in records { record.write(to: &bytes) }
    try append(bytes: bytes)
  }

  private func append(bytes: [UInt8]) throws {
    let files = try RunnerFiles(dataDirectory: directory.path, runnerID: "r")
    try files.makeDirectories()
    let log = URL(fileURLWithPath: files.exits)
    var header: [UInt8] = []
    ExitLogRecord.warden(ProcessIdentity(pid: 4711, startTime: 1, bootID: "b00t-1d")).write(to: &header)
    try (((try? Data(contentsOf: log)) ?? Data(header)) + bytes).write(to: log)
  }

  private func ledger() throws -> OutputLedger {
    try OutputLedger(dataDirectory: directory.path, runnerID: "r", run: run)
  }

  @Test func `a running attempt is found in its scratch files, an ended one where it left something`() throws {
    var ledger = try ledger()
    try append(.start(key("a"), at: Timestamp(microseconds: 1), stdout: "r-1.out", stderr: "r-1.err"))
    try ledger.refresh()
    let scratch = directory.path + "/scratch"
    #expect(ledger[key("a")] == .running(stdout: scratch + "/r-1.out", stderr: scratch + "/r-1.err"))
    try append(end(key("a"), stdout: "r-1.out"))
    try ledger.refresh()
    #expect(ledger[key("a")] == .ended(stdout: scratch + "/r-1.out", stderr: nil))
  }

  @Test func `other runs and runners that left nothing are not there`() throws {
    var ledger = try ledger()
    try ledger.refresh()
    #expect(ledger[key("a")] == nil)
    let other = key("a", of: "other-20261124T020000Z-abcdef")
    try append(.start(other, at: Timestamp(microseconds: 1), stdout: "r-1.out", stderr: "r-1.err"))
    try ledger.refresh()
    #expect(ledger[other] == nil)
  }

  @Test func `half a record is left for the next look`() throws {
    var bytes: [UInt8] = []
    ExitLogRecord.start(key("a"), at: Timestamp(microseconds: 1), stdout: "r-1.out", stderr: "r-1.err").write(
      to: &bytes)
    var ledger = try ledger()
    try append(bytes: Array(bytes.prefix(20)))
    try ledger.refresh()
    #expect(ledger[key("a")] == nil)
    try append(bytes: Array(bytes.dropFirst(20)))
    try ledger.refresh()
    #expect(ledger[key("a")] != nil)
  }
}

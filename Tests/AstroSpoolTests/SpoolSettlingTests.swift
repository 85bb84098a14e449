import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct SpoolSettlingTests {
  private let file = "\(runID).yaml"
  private let receiptFile = "\(runID).receipt.json"

  /// What a crash, a repetition or a user can leave before a settlement: (files and their content).
  static let states: [[String: String]] = [
    ["active/\(runID).yaml": "a\n"],
    ["active/\(runID).yaml": "a\n", "done/\(runID).receipt.json": "{}\n"],
    ["done/\(runID).yaml": "a\n", "done/\(runID).receipt.json": "{}\n"],
    ["done/\(runID).yaml": "a\n"],
    ["active/\(runID).yaml": "a\n", "done/\(runID).yaml": "a\n"],
    ["failed/\(runID).yaml": "a\n", "failed/\(runID).receipt.json": "{}\n"],
    ["active/\(runID).yaml": "a\n", "failed/\(runID).receipt.json": "{}\n"],
    ["active/\(runID).yaml": "a\n", "failed/\(runID).yaml": "a\n", "cancelled/\(runID).receipt.json": "{}\n"],
    [:],
    ["done/\(runID).receipt.json": "{}\n"],
  ]

  @Test(arguments: states)
  func `settling completes every state a crash can leave, and can be repeated`(state: [String: String]) throws {
    let fixture = try SpoolFixture()
    for (name, text) in state { fixture.write(text, to: name) }
    for _ in 1...2 {
      try fixture.spool.settle(settlement(.done, .succeeded, content: "a\n"))
      #expect(fixture.names(in: "done") == [receiptFile, file])
      #expect(fixture.content("done/\(file)") == "a\n")
      #expect(fixture.content("done/\(receiptFile)")?.contains(#""status":"succeeded""#) == true)
      for place in ["active", "failed", "cancelled", "rejected"] { #expect(fixture.names(in: place).isEmpty) }
    }
  }

  @Test func `the bytes are asked for only when the file is gone`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "active/\(file)")
    var asked = 0
    let settlement = Settlement(id: runID, format: .yaml, place: .failed, receipt: receipt(.failed)) {
      asked += 1
      return Array("from the journal\n".utf8)
    }
    try fixture.spool.settle(settlement)
    #expect(asked == 0)
    #expect(fixture.content("failed/\(file)") == "a\n")
    unlink(fixture.path + "/failed/\(file)")
    try fixture.spool.settle(settlement)
    #expect(asked == 1)
    #expect(fixture.content("failed/\(file)") == "from the journal\n")
  }

  @Test func `bytes that cannot be had leave an error and no half settlement of the others' files`() throws {
    let fixture = try SpoolFixture()
    let failure = Failure(.journal, subject: "journal", message: "gone")
    let settlement = Settlement(id: runID, format: .yaml, place: .failed, receipt: receipt(.failed)) {
      () throws(Failure) in throw failure
    }
    #expect(throws: failure) { try fixture.spool.settle(settlement) }
    #expect(fixture.names(in: "failed") == [receiptFile])
    #expect(fixture.names(in: "active").isEmpty)
  }

  @Test func `a batch settles each run in its own place`() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "active/\(runID).yaml")
    fixture.write("{}\n", to: "active/\(otherID).json")
    try fixture.spool.settle([
      settlement(.cancelled, .cancelled),
      Settlement(id: otherID, format: .json, place: .done, receipt: receipt(.duplicate, of: otherID)) { [] },
    ])
    #expect(fixture.names(in: "cancelled") == [receiptFile, file])
    #expect(fixture.names(in: "done") == ["\(otherID).json", "\(otherID).receipt.json"])
  }

  @Test(arguments: [
    ["failed/\(runID).yaml": "a\n", "failed/\(runID).receipt.json": "{}\n"],
    ["active/\(runID).yaml": "a\n", "failed/\(runID).receipt.json": "{}\n"],
    ["active/\(runID).yaml": "a\n"],
    ["failed/\(runID).receipt.json": "{}\n"],
    [:],
  ])
  func `reopening brings the file back from every state, and can be repeated`(state: [String: String]) throws {
    let fixture = try SpoolFixture()
    for (name, text) in state { fixture.write(text, to: name) }
    for _ in 1...2 {
      try fixture.spool.reopen(runID, .yaml) { Array("a\n".utf8) }
      #expect(fixture.names(in: "active") == [file])
      #expect(fixture.content("active/\(file)") == "a\n")
      for place in ["done", "failed", "cancelled", "rejected"] { #expect(fixture.names(in: place).isEmpty) }
    }
  }

  @Test func `a receipt is one line of JSON that only its owner may read`() throws {
    let fixture = try SpoolFixture()
    try fixture.spool.settle(settlement(.done, .succeeded))
    let text = try #require(fixture.content("done/\(receiptFile)"))
    #expect(text.hasSuffix("}\n") && text.split(separator: "\n").count == 1)
    var status = stat()
    #expect(stat(fixture.path + "/done/\(receiptFile)", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
  }
}

import AstroCore
import AstroJournal
import AstroTestKit
import Glibc
import Synchronization

/// A clock whose hands the test turns.
final class HandClock: AstroCore.Clock, Sendable {
  private let moment: Mutex<Moment>

  init(wall: Int64 = 1000, boot: Int64 = 500) {
    moment = Mutex(Moment(wall: Timestamp(microseconds: wall * 1_000_000), boot: boot * 1_000_000))
  }

  func now() -> Moment { moment.withLock { $0 } }
  func advance(_ duration: Duration) { moment.withLock { $0 = $0.advanced(by: duration) } }
}

/// A data directory of its own.
final class JournalFixture {
  let home = TemporaryDirectory()
  let clock = HandClock()
  var data: String { home.path("data") }
  var file: String { data + "/astro.sqlite" }

  func open(boot: String = "boot-a", clock: HandClock? = nil) throws -> Journal {
    try Journal.open(dataDirectory: data, bootID: boot, clock: clock ?? self.clock)
  }
}

func bytes(of path: String) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  var result: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &chunk, chunk.count)
    guard count > 0 else { return result }
    result += chunk[..<count]
  }
}

func write(_ bytes: [UInt8], to path: String) {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  precondition(descriptor >= 0 && Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
  close(descriptor)
}

func id(_ name: String) -> WorkflowID { WorkflowID(unchecked: "\(name)-20261124T020000Z-abcdef") }
func time(_ second: Int64) -> Timestamp { Timestamp(microseconds: second * 1_000_000 + 7) }
func key(_ run: String, _ task: String, _ number: Int = 1) -> AttemptKey {
  AttemptKey(workflow: id(run), task: task, number: number)
}

/// A run that was claimed at second `claimed`.
func run(_ name: String, state: RunState = .queued, claimed: Int64 = 2000, owner: String? = "watch-1") -> RunRecord {
  RunRecord(
    id: id(name), name: name, user: "alice", state: state, file: Array("\(name).yaml".utf8), fileExtension: "yaml",
    sha256: "e3b0", submittedAt: time(claimed - 1), claimedAt: time(claimed), owner: owner)
}

extension Journal {
  func insert(_ runs: RunRecord...) throws {
    try commit { transaction in for run in runs { try transaction.insert(run, content: Array("a\n".utf8)) } }
  }
}

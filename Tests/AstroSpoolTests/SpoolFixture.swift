import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroSpool

/// A clock whose hands the test turns.
final class HandClock: AstroCore.Clock, @unchecked Sendable {  // guarded by: one test, one thread
  private var moment = Moment(wall: Timestamp(microseconds: 1_000_000), boot: 5_000_000)
  func now() -> Moment { moment }
  func advance(_ duration: Duration) { moment = moment.advanced(by: duration) }
}

/// A spool of its own in a temporary directory, with the kernel's real answers unless a test gives others.
final class SpoolFixture {
  let home = TemporaryDirectory()
  let clock = HandClock()
  let rules: SpoolRules
  let spool: Spool

  var path: String { home.path("spool") }

  init(rules: SpoolRules = SpoolRules(), probes: SpoolProbes? = nil) throws {
    mkdir(home.path("spool"), 0o700)
    self.rules = rules
    spool = try Spool(directory: home.path("spool"), rules: rules, clock: clock, probes: probes)
  }

  /// Another runner's view of the same spool.
  func another() throws -> Spool { try Spool(directory: path, rules: rules, clock: clock) }

  func write(_ text: String, to name: FileName) { write(Array(text.utf8), to: name) }
  func write(_ text: String, to name: String) { write(Array(text.utf8), to: file(name)) }

  func write(_ bytes: [UInt8], to name: FileName) {
    let descriptor = openForWriting(name, O_CREAT | O_TRUNC)
    precondition(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
  }

  /// Never waits for a lease, as a writer would: -1 where one stands.
  func openForWriting(_ name: FileName, _ flags: Int32 = 0) -> Int32 {
    withPath(name) { open($0, O_WRONLY | O_NONBLOCK | O_CLOEXEC | flags, 0o644) }
  }

  func withPath<Result>(_ name: FileName, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (Array("\(path)/".utf8) + name.bytes + [0]).map { CChar(bitPattern: $0) }.withUnsafeBufferPointer {
      body($0.baseAddress!)
    }
  }

  /// The content of a file below the spool; `nil` when there is none.
  func content(_ place: String) -> String? {
    let descriptor = open("\(path)/\(place)", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
  }

  /// All names in a directory below the spool but sub-directories, sorted.
  func names(in place: String = "") -> [String] {
    guard let stream = opendir("\(path)/\(place)") else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      guard entry.pointee.d_type != UInt8(DT_DIR) else { continue }
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names.sorted()
  }

  func candidate(_ name: String, in other: Spool? = nil) throws -> Candidate {
    try #require((other ?? spool).look(at: file(name)).candidate)
  }
}

func file(_ name: String) -> FileName { FileName(minted: name) }
let runID = WorkflowID(unchecked: "a-20261124T020000Z-abcdef")
let otherID = WorkflowID(unchecked: "b-20261124T020000Z-ghijkl")

extension Look {
  var candidate: Candidate? { if case .ready(let candidate) = self { candidate } else { nil } }
  var refusal: Refusal? { if case .refused(let refusal) = self { refusal } else { nil } }
  var waiting: NotYet? { if case .notYet(let waiting) = self { waiting } else { nil } }
  var isIgnored: Bool { if case .ignored = self { true } else { false } }
  var isGone: Bool { if case .gone = self { true } else { false } }
}

func receipt(_ status: RunState, of id: WorkflowID = runID) -> Receipt {
  let time = Timestamp(microseconds: 0)
  return Receipt(
    workflow: id, file: "a.yaml", name: "a", user: "alice", status: status, submittedAt: time, claimedAt: time,
    finishedAt: time, sha256: "")
}

func settlement(_ place: Place, _ status: RunState, content: String = "lost and rewritten\n") -> Settlement {
  Settlement(id: runID, format: .yaml, place: place, receipt: receipt(status)) { Array(content.utf8) }
}

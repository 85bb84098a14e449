import AstroCore
import AstroTelemetry
import Glibc

/// The events people and programs follow: one JSON object a line, in the run's `events.jsonl` and, for all runs, in
/// `data/events.jsonl`. They tell what the journal has committed. What a crash between commit and write left untold the
/// next runner tells in the run's file, each start and each end once; the common file may have lost it.
final class EventStream {
  let runs: String
  private let common: String
  /// When the common file is larger it is renamed to `events.jsonl.1`, in bytes.
  private let limit: Int64
  private var buffers: [WorkflowID: [UInt8]] = [:]
  private var all: [UInt8] = []
  /// What the files of adopted runs told when they were adopted, until those end.
  var told: [WorkflowID: ToldEvents] = [:]

  init(runs: String, data: String, limit: Int64 = 64 << 20) {
    self.runs = runs
    self.limit = limit
    common = data + "/events.jsonl"
  }

  /// Adds one event to what the next ``flush()`` writes.
  func add(
    _ event: String, _ run: WorkflowID, at time: Timestamp, _ fields: (inout JSONWriter) -> Void = { _ in }
  ) {
    var writer = JSONWriter(reserving: 256)
    writer.beginObject()
    writer.member("timestamp", time.rfc3339)
    writer.member("event", event)
    writer.member("workflow_id", run.text)
    fields(&writer)
    writer.endObject()
    writer.newline()
    buffers[run, default: []] += writer.bytes
    all += writer.bytes
  }

  /// Writes what was added, each file with one write(2).
  /// - Returns: the first problem, as a sentence; the events are dropped then.
  func flush() -> String? {
    guard !all.isEmpty else { return nil }
    var problem: String?
    for (run, bytes) in buffers {
      problem = Self.append(bytes, to: RunDirectory(run, in: runs).events) ?? problem
    }
    rotate()
    problem = Self.append(all, to: common) ?? problem
    buffers.removeAll(keepingCapacity: true)
    all.removeAll(keepingCapacity: true)
    return problem
  }

  /// Safe between runners: whoever renames has locked the file, and seen that it still has the name. Otherwise the slower
  /// of two would rename the young file over the full one.
  private func rotate() {
    var named = stat()
    guard stat(common, &named) == 0, named.st_size > limit else { return }
    let descriptor = open(common, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var opened = stat()
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &opened) == 0, stat(common, &named) == 0,
      opened.st_ino == named.st_ino, opened.st_dev == named.st_dev
    else { return }
    rename(common, common + ".1")
  }

  private static func append(_ bytes: [UInt8], to path: String) -> String? {
    let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return "\(path): cannot open: \(String(cString: strerror(errno)))" }
    defer { close(descriptor) }
    let bytes = TornLine.isAtEnd(of: descriptor) ? [0x0A] + bytes : bytes
    let count = write(descriptor, bytes, bytes.count)
    guard count == bytes.count else {
      // A short write is a full disk; only the next call would say so.
      return "\(path): cannot write: \(String(cString: strerror(count < 0 ? errno : ENOSPC)))"
    }
    return nil
  }
}

import AstroCore
import AstroLLM
import Dispatch
import Glibc
import Synchronization

/// The result file of a batch, a line for each request in the order they were answered, in OpenAI's form
/// (https://platform.openai.com/docs/api-reference/batch/request-output). What it holds is what is done: a request with
/// a line is not sent again, one without is.
final class BatchResults: Sendable {
  private let path: String
  private let descriptor: Int32
  /// One after the other; those that come while the disk is waited for are written together.
  private let queue = DispatchQueue(label: "astro.batch-results")
  private let pending = Mutex(Pending())

  private struct Pending {
    var lines: [UInt8] = []
    var waiting: [CheckedContinuation<Result<Void, Failure>, Never>] = []
    /// After a write that failed nobody knows what is on disk: nothing is added any more.
    var failure: Failure?
  }

  /// What the file held when it was opened.
  struct Tally {
    /// Of requests, by the number of their line.
    private var bits: [UInt64] = []
    var completed = 0
    var failed = 0

    func holds(_ line: Int) -> Bool { line >> 6 < bits.count && bits[line >> 6] >> UInt64(line & 63) & 1 == 1 }

    /// - Returns: whether it is new.
    mutating func add(_ line: Int, isSuccess: Bool) -> Bool {
      guard !holds(line) else { return false }
      if line >> 6 >= bits.count { bits += [UInt64](repeating: 0, count: (line >> 6) + 1 - bits.count) }
      bits[line >> 6] |= 1 << UInt64(line & 63)
      if isSuccess { completed += 1 } else { failed += 1 }
      return true
    }
  }

  /// Opens it, makes it where it is missing, and reads what it holds. A last line that is not whole is cut off: its writer
  /// died, and its request is sent again.
  static func open(_ path: String) throws(Failure) -> (file: BatchResults, tally: Tally) {
    let file = try BatchResults(path)
    var tally = Tally()
    let whole = try file.readLines { line, text throws(Failure) in
      guard let result = BatchResultLine(text) else {
        throw Failure(
          .io, subject: path,
          message: "line \(line) is not what was written, so that nobody knows which requests are done")
      }
      _ = tally.add(result.line, isSuccess: result.isSuccess)
    }
    guard ftruncate(file.descriptor, off_t(whole)) == 0 else {
      throw failure(path, "cannot be cut to whole lines", errno)
    }
    return (file, tally)
  }

  /// The longest end of a file that is read for results, in bytes: the loop that all attempts wait for reads it.
  private static let longestEnd = 64 << 20

  /// The results of some requests, by the numbers of their lines, from the end of the file: what was under way last is there.
  static func last(_ lines: Set<Int>, of path: String) throws(Failure) -> [Int: ArraySlice<UInt8>] {
    guard case .bytes(let bytes) = try AttemptFiles.read(path, last: longestEnd) else { return [:] }
    var found: [Int: ArraySlice<UInt8>] = [:]
    // What follows the last newline is not whole.
    var rest = bytes[..<(bytes.lastIndex(of: 0x0A) ?? 0)]
    while found.count < lines.count, !rest.isEmpty {
      let start = rest.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
      let line = rest[start...]
      if let number = BatchResultLine.number(of: line), lines.contains(number) { found[number] = line }
      rest = rest[..<max(0, start - 1)]
    }
    return found
  }

  private init(_ path: String) throws(Failure) {
    self.path = path
    descriptor = Glibc.open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(path, "cannot be opened", errno) }
    // Its name has to last as long as its lines.
    let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    let folder = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw Self.failure(path, "cannot be made durable", errno, .notDurable) }
  }

  deinit { close(descriptor) }

  /// - Returns: how many bytes whole lines take.
  private func readLines(_ body: (Int, ArraySlice<UInt8>) throws(Failure) -> Void) throws(Failure) -> Int {
    var (offset, whole, number) = (0, 0, 0)
    var rest: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = pread(descriptor, &piece, piece.count, off_t(offset))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure(path, "cannot be read", errno) }
      if count == 0 { return whole }
      offset += count
      // Only what is new can hold the end of the line that the rest is of.
      var searched = rest.count
      rest += piece[..<count]
      var start = 0
      while let end = rest[searched...].firstIndex(of: 0x0A) {
        number += 1
        try body(number, rest[start..<end])
        start = end + 1
        searched = start
      }
      rest.removeFirst(start)
      whole += start
    }
  }

  /// Adds a line with its newline. It is on disk when this returns.
  func append(_ line: [UInt8]) async throws(Failure) {
    let result: Result<Void, Failure> = await withCheckedContinuation { continuation in
      pending.withLock { pending in
        pending.lines += line
        pending.waiting.append(continuation)
      }
      queue.async { self.write() }
    }
    try result.get()
  }

  private func write() {
    let (lines, waiting, known) = pending.withLock { pending in
      defer { (pending.lines, pending.waiting) = ([], []) }
      return (pending.lines, pending.waiting, pending.failure)
    }
    guard !waiting.isEmpty else { return }
    let failure = known ?? write(lines)
    if let failure { pending.withLock { $0.failure = failure } }
    for continuation in waiting { continuation.resume(returning: failure.map(Result.failure) ?? .success(())) }
  }

  private func write(_ lines: [UInt8]) -> Failure? {
    var done = 0
    while done < lines.count {
      let count = lines.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, lines.count - done) }
      if count < 0, errno != EINTR { return Self.failure(path, "cannot be written", errno) }
      done += max(0, count)
    }
    return fdatasync(descriptor) == 0 ? nil : Self.failure(path, "cannot be made durable", errno, .notDurable)
  }

  private static func failure(_ path: String, _ message: String, _ problem: Int32, _ code: Failure.Code = .io)
    -> Failure
  {
    Failure(code, subject: path, message: message, errno: problem, reason: String(cString: strerror(problem)))
  }
}

import AstroCore
import Glibc

/// What is kept of attempts of program agents besides their output.
extension AttemptFiles {
  /// The most that is read of what a program printed, in bytes: it is read by the loop that all attempts wait for.
  static let longestResult = 4 << 20

  /// All that it printed, or why that is no result: where some was left out nobody could tell what. Throws where it is only
  /// the runner that is short of something.
  func printed(omitted: Int64) throws(Failure) -> Result<[UInt8], MalformedResult> {
    switch try Self.read("\(directory.attempt(key))/stdout", last: Self.longestResult + 1) {
    case .absent: .success([])
    case .unreadable(let why): .failure(MalformedResult("stdout \(why)"))
    case .bytes(let bytes) where omitted > 0 || bytes.count > Self.longestResult:
      .failure(MalformedResult("stdout holds more than 4 MiB, too much for a result"))
    case .bytes(let bytes): .success(bytes)
    }
  }

  private var requestFile: String { "\(directory.attempt(key))/request.json" }

  /// Keeps what an attempt is asked, without its secrets, for people and for the reading of its result. Not made durable: the
  /// attempt is not there either after a power cut, and is begun with a new one.
  func keepRequest(_ value: JSONValue) throws(Failure) {
    let folder = directory.attempt(key)
    for path in [directory.path, "\(directory.path)/tasks", "\(directory.path)/tasks/\(key.task)", folder] {
      mkdir(path, 0o700)
    }
    let file = open(requestFile, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw requestFailure(errno) }
    defer { close(file) }
    var rest = Array((value.json + "\n").utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw requestFailure(errno) }
      rest.removeFirst(count)
    }
  }

  private func requestFailure(_ problem: Int32) -> Failure {
    Failure(
      .io, subject: requestFile, message: "cannot be written", errno: problem,
      reason: String(cString: strerror(problem)))
  }

  /// What it was asked; null where that is not known any more.
  func request() throws(Failure) -> JSONValue {
    guard case .bytes(let bytes) = try Self.read(requestFile, last: 8 << 20) else { return .null }
    return (try? JSONReader.parse(bytes)) ?? .null
  }
}

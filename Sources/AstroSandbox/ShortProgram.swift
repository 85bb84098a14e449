import AstroCore
import CLinux
import Glibc

/// A program that is run to its end, watched over by a deadline: engines are asked something, or told to remove something.
struct ShortProgram {
  let arguments: [String]
  let environment: [String: String]
  /// What it reads on standard input.
  var input: String?

  enum Ending: Equatable {
    case exited(Int32)
    case signalled(Int32)
    /// It was killed, because its time was up.
    case late
    case notStarted(Int32)
  }

  struct Result {
    var ending: Ending
    /// The beginning of what it printed, on both streams.
    var output: String

    /// Its first line, for a sentence.
    var firstLine: String {
      Terminal.printable(String(output.split(separator: "\n").first ?? "it said nothing")).trimmingDots
    }
  }

  /// As much as is kept of what it prints.
  private static let room = 8 << 10

  /// - Parameter limit: until when it may take.
  func run(within limit: Duration) -> Result {
    var ends: [Int32] = [-1, -1]
    guard clinux_pipe(&ends) == 0 else { return Result(ending: .notStarted(errno), output: "") }
    defer { close(ends[0]) }
    let pid = spawn(output: ends[1])
    let problem = errno
    close(ends[1])
    guard pid > 0 else { return Result(ending: .notStarted(problem), output: "") }
    let until = clinux_boot_microseconds() + limit.microseconds
    var output: [UInt8] = []
    while true {
      let left = until - clinux_boot_microseconds()
      guard left > 0 else {
        kill(-pid, SIGKILL)
        _ = Self.reap(pid)
        return Result(ending: .late, output: String(decoding: output, as: UTF8.self))
      }
      if read(ends[0], into: &output, for: left) { break }
    }
    // Whoever holds its output open no longer is not always at its end.
    let pidfd = clinux_pidfd_open(pid)
    var polled = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    let left = max(0, until - clinux_boot_microseconds())
    let isOver = pidfd < 0 || poll(&polled, 1, Int32(clamping: left / 1000 + 1)) > 0
    if pidfd >= 0 { close(pidfd) }
    if !isOver { kill(-pid, SIGKILL) }
    let ending = Self.reap(pid)
    return Result(ending: isOver ? ending : .late, output: String(decoding: output, as: UTF8.self))
  }

  /// Whether the output has ended.
  private func read(_ file: Int32, into output: inout [UInt8], for microseconds: Int64) -> Bool {
    var polled = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    guard poll(&polled, 1, Int32(clamping: microseconds / 1000 + 1)) > 0 else { return false }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(file, &bytes, bytes.count)
    if count > 0 { output += bytes[..<min(count, max(0, Self.room - output.count))] }
    return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)
  }

  /// Starts it as the leader of a group, with nothing but its output open.
  private func spawn(output: Int32) -> pid_t {
    var streams = SpawnActions()
    var file: Int32 = -1
    if var input {
      file = input.withUTF8 { clinux_memory_file($0.baseAddress, $0.count) }
      guard file >= 0 else { return -1 }
    }
    defer { if file >= 0 { close(file) } }
    if file >= 0 { streams.duplicate(file, as: 0) } else { streams.open("/dev/null", as: 0) }
    streams.duplicate(output, as: 1)
    streams.duplicate(output, as: 2)
    return streams.spawn(arguments, environment)
  }

  static func reap(_ pid: pid_t) -> Ending {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 {
      if errno != EINTR { return .notStarted(errno) }
    }
    return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
  }
}

extension String {
  /// Without dots and spaces at its end, to stand inside a sentence.
  fileprivate var trimmingDots: String {
    var text = self
    while let last = text.utf8.last, last == UInt8(ascii: ".") || last == UInt8(ascii: " ") { text.removeLast() }
    return text
  }
}

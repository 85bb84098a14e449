import CLinux
import Foundation
import Glibc

@testable import AstroProcess

/// A process whose end can be waited for without asking again and again.
final class Watched {
  let pid: Int32
  private let descriptor: Int32

  init(_ pid: Int32) {
    self.pid = pid
    descriptor = clinux_pidfd_open(pid)
  }

  /// False when it still lives after that time.
  func waitForEnd(milliseconds: Int32 = 30_000) -> Bool {
    guard descriptor >= 0 else { return true }
    var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&polled, 1, milliseconds) == 1
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}

enum Processes {
  /// Living processes whose environment holds `variable`, the whole `NAME=value`.
  static func carrying(_ variable: String) -> [Int32] {
    let wanted = Array(variable.utf8)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(Int32.init).filter { pid in
      guard let bytes = try? FileHandle(forReadingAtPath: "/proc/\(pid)/environ")?.readToEnd(),
        bytes.split(separator: 0).contains(where: { $0.elementsEqual(wanted) })
      else { return false }
      return ProcessStatus(pid: pid)?.isEnding == false
    }
  }

  /// The value of one line of /proc/pid/status.
  static func status(_ pid: Int32, _ field: String) -> String? {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
    return line.map { $0.dropFirst(field.count + 1).trimmingCharacters(in: .whitespaces) }
  }
}

/// A named pipe by which a script says how far it is, or is told to go on.
final class NamedPipe {
  let path: String
  let descriptor: Int32
  private var pending: [UInt8] = []

  /// Held open for both directions, so that neither side ever waits in open(2) or meets an end.
  init(_ path: String) {
    self.path = path
    mkfifo(path, 0o600)
    descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK)
  }

  /// The next line that has been written into it; nil when none has.
  func line() -> String? {
    var space = [UInt8](repeating: 0, count: 4096)
    let got = read(descriptor, &space, space.count)
    if got > 0 { pending += space[..<got] }
    guard let end = pending.firstIndex(of: 0x0A) else { return nil }
    defer { pending.removeSubrange(...end) }
    return String(decoding: pending[..<end], as: UTF8.self)
  }

  func tell(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    write(descriptor, bytes, bytes.count)
  }

  deinit { close(descriptor) }
}

/// A process that no attempt has anything to do with.
final class Stranger {
  let pid: Int32
  private let process = Process()

  init(running command: [String] = ["/bin/sleep", "1000"], environment: [String: String] = [:]) throws {
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = environment
    for stream in [\Process.standardInput, \Process.standardOutput, \Process.standardError] {
      process[keyPath: stream] = FileHandle.nullDevice
    }
    try process.run()
    pid = process.processIdentifier
  }

  var lives: Bool { ProcessStatus(pid: pid)?.isEnding == false }

  /// Not by TERM, which it may have inherited as blocked.
  func end() {
    guard lives else { return }
    kill(pid, SIGKILL)
    process.waitUntilExit()
  }

  deinit { end() }
}

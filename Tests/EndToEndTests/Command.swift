import Foundation
import Glibc
import Testing

/// A process and its group, under a time limit: what would hang fails instead.
final class Command {
  /// What a command leaves that has ended.
  struct Ending {
    /// The exit code, or 128 and the signal, as a shell says it.
    var code: Int32
    var output: String
    var errors: String
  }

  private let child: Child
  private let output: Transcript
  private let errors: Transcript
  private let deadline = Date(timeIntervalSinceNow: 120)

  /// Starts it. Of the test's own environment it gets neither a home nor a wish about colours.
  /// - Parameter terminal: used instead of pipes; what is written to it is the output and the errors.
  init(
    _ program: String, _ arguments: [String], in directory: String? = nil, environment: [String: String] = [:],
    input: String = "", terminal: PseudoTerminal? = nil
  ) throws {
    let environment = ProcessInfo.processInfo.environment
      .filter { !$0.key.hasPrefix("ASTRO_") && $0.key != "NO_COLOR" }.merging(environment) { $1 }
    let streams: [FileHandle]
    if let terminal {
      streams = [terminal.device, terminal.device, terminal.device]
      output = Transcript(of: terminal.controller)
      errors = output
    } else {
      let (toInput, fromOutput, fromErrors) = (Pipe(), Pipe(), Pipe())
      try toInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
      try toInput.fileHandleForWriting.close()
      streams = [toInput.fileHandleForReading, fromOutput.fileHandleForWriting, fromErrors.fileHandleForWriting]
      output = Transcript(of: fromOutput.fileHandleForReading)
      errors = Transcript(of: fromErrors.fileHandleForReading)
    }
    // The child alone shall hold them, so that its end is the end of what is read.
    defer { for stream in streams { try? stream.close() } }
    child = try Child(
      program, arguments, in: directory, environment: environment, streams: streams.map(\.fileDescriptor))
  }

  deinit { endGroup() }

  var pid: Int32 { child.pid }

  /// Waits until it prints `text` after what was waited for before; `false` when it ends without.
  func prints(_ text: String) -> Bool { output.waits(for: text, until: deadline) }

  /// Waits until it writes `text` to its error output after what was waited for before; `false` when it ends without.
  func logs(_ text: String) -> Bool { errors.waits(for: text, until: deadline) }

  /// Waits for its end and for the end of all that it prints.
  func finish() throws -> Ending {
    let code = child.code(by: deadline)
    let isComplete = output.waitsForItsEnd(until: deadline) && errors.waitsForItsEnd(until: deadline)
    // Also when the leader has ended: one of its group that lives on keeps the number taken.
    if code == nil || !isComplete { Glibc.kill(-pid, SIGKILL) }
    return Ending(
      code: try #require(
        isComplete ? code : nil, "it, or what writes for it, did not end: \(output.text)\(errors.text)"),
      output: output.text, errors: errors.text)
  }

  func signal(_ number: Int32) { child.signal(number) }

  /// SIGTERM, and the end.
  func stop() throws -> Ending {
    signal(SIGTERM)
    return try finish()
  }

  /// The end of the process alone, as in a crash: what it has started goes on.
  func kill() throws {
    signal(SIGKILL)
    #expect(try finish().code == 128 + SIGKILL)
  }

  /// The end of the process and of all in its group.
  func endGroup() {
    child.signal(SIGKILL, group: true)
    _ = child.code(by: Date(timeIntervalSinceNow: 60))
  }
}

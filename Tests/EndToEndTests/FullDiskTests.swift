import Foundation
import Glibc
import Testing

/// The built binary where there is no room: it says so, goes on where it can, and loses nothing.
@Suite struct FullDisk {
  private let astro: String
  private let home = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path

  init() throws {
    astro = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    try #require(getuid() == 0, "these tests mount file systems: run them as root")
    #expect(try run(["init", home]).code == 0)
  }

  private func run(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: astro)
    process.arguments = arguments
    let (output, errors) = (Pipe(), home + "-stderr")
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    defer { try? FileManager.default.removeItem(atPath: errors) }
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: data, as: UTF8.self),
      try String(contentsOfFile: errors, encoding: .utf8)
    )
  }

  private func drain() throws -> (code: Int32, output: String, errors: String) { try run(["drain", "--home", home]) }

  /// Runs `body` with a small file system of its own in place of one of the home's directories.
  private func with(small place: String, options: String, flags: Int = 0, _ body: (_ path: String) throws -> Void)
    throws
  {
    let path = "\(home)/\(place)"
    defer { try? FileManager.default.removeItem(atPath: home) }
    try #require(mount("tmpfs", path, "tmpfs", UInt(flags), options) == 0, "cannot mount a tmpfs")
    defer { umount2(path, Int32(MNT_DETACH)) }
    try body(path)
  }

  private func fill(_ path: String) {
    let descriptor = open(path + "/ballast", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    for size in [4096, 1] {
      let chunk = [UInt8](repeating: 1, count: size)
      while write(descriptor, chunk, size) > 0 {}
    }
    close(descriptor)
  }

  private func submit(_ text: String) throws {
    try text.write(toFile: home + "/spool/w.yaml", atomically: true, encoding: .utf8)
  }

  private func names(_ place: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(home)/spool/\(place)")) ?? []).sorted()
  }

  @Test func aLogThatIsFullStopsNoWork() throws {
    try with(small: "logs", options: "size=64k") { path in
      fill(path)
      try submit("tasks: {a: {run: 'true'}, b: {needs: a, run: 'true'}}\n")
      let result = try drain()
      #expect(result.code == 0 && names("done").count == 2)
      let complaint =
        "astro: \(path)/astro.log: cannot be written, log lines are dropped: No space left on device\n"
      #expect(result.errors.components(separatedBy: complaint).count == 2, "once: \(result.errors)")
    }
  }

  @Test func aLogThatCannotBeOpenedIsSaidBeforeAnythingIsTaken() throws {
    try with(small: "logs", options: "size=64k", flags: Int(MS_RDONLY)) { path in
      try submit("tasks: {a: {run: 'true'}}\n")
      let result = try drain()
      #expect(result.code == 73)
      #expect(
        result.errors == "astro: \(path)/astro.log: cannot be opened for appending: Read-only file system\n")
      #expect(FileManager.default.fileExists(atPath: home + "/spool/w.yaml"))
    }
  }

  @Test func aFullDataDirectoryTakesNothingAndLaterEverything() throws {
    try with(small: "data", options: "size=2m,mode=711") { path in
      fill(path)
      try submit("tasks: {a: {run: 'true'}}\n")
      let refused = try drain()
      #expect(refused.code == 73 && refused.errors.hasSuffix(": No space left on device\n"), "\(refused)")
      #expect(FileManager.default.fileExists(atPath: home + "/spool/w.yaml"))
      unlink(path + "/ballast")
      #expect(try drain().code == 0)
      #expect(names("done").count == 2)
    }
  }

  @Test func aTaskThatFillsTheDiskIsTakenUpAgainWhenThereIsRoom() throws {
    try with(small: "data", options: "size=2m,mode=711") { path in
      try submit(
        """
        tasks:
          a:
            env: {BALLAST: '\(path)/ballast', MARKS: '\(home)/marks'}
            run: |
              echo a >> "$MARKS"
              dd if=/dev/zero of="$BALLAST" bs=1k 2>/dev/null || true
          b:
            needs: a
            env: {MARKS: '\(home)/marks'}
            run: echo b >> "$MARKS"

        """)
      let stopped = try drain()
      #expect(stopped.code == 73, "\(stopped)")
      #expect(stopped.errors.contains("Runner failed: \(path)/"))
      #expect(names("active").count == 1)
      let probe = try run(["health", "ready", "--home", home])
      #expect(probe.code == 1 && probe.output.hasPrefix("{\"status\":\"not_ready\""), "\(probe)")
      unlink(path + "/ballast")
      #expect(try drain().code == 0)
      #expect(names("active").isEmpty && names("done").count == 2)
      // What had run was not run again.
      #expect(try String(contentsOfFile: home + "/marks", encoding: .utf8) == "a\nb\n")
      #expect(try run(["health", "ready", "--home", home]).code == 1)  // 2 MiB are never enough room
      #expect(try run(["health", "live", "--home", home]).code == 0)
    }
  }
}

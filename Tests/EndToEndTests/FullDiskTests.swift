import Foundation
import Glibc
import Testing

/// The built binary where there is no room: it says so, goes on where it can, and loses nothing.
@Suite struct FullDisk {
  /// A home with a small file system of its own in place of one of its directories.
  private func home(small place: String, options: String, flags: Int = 0) throws -> Home {
    let home = try Home()
    try home.mount("tmpfs", on: place, type: "tmpfs", flags: flags, options: options)
    return home
  }

  @Test func aLogThatIsFullStopsNoWork() throws {
    let home = try home(small: "logs", options: "size=64k")
    home.fill("logs")
    try home.submit("tasks: {a: {run: 'true'}, b: {needs: a, run: 'true'}}\n")
    let result = try home.astro("drain")
    #expect(result.code == 0 && home.names(in: "spool/done").count == 2)
    let complaint =
      "astro: \(home.path)/logs/astro.log: cannot be written, log lines are dropped: No space left on device\n"
    #expect(result.errors.components(separatedBy: complaint).count == 2, "once: \(result.errors)")
  }

  @Test func aLogThatCannotBeOpenedIsSaidBeforeAnythingIsTaken() throws {
    let home = try home(small: "logs", options: "size=64k", flags: Int(MS_RDONLY))
    try home.submit("tasks: {a: {run: 'true'}}\n")
    let result = try home.astro("drain")
    #expect(result.code == 73)
    #expect(
      result.errors == "astro: \(home.path)/logs/astro.log: cannot be opened for appending: Read-only file system\n")
    #expect(home.exists("spool/work.yaml"))
  }

  @Test func aFullDataDirectoryTakesNothingAndLaterEverything() throws {
    let home = try home(small: "data", options: "size=2m,mode=711")
    home.fill("data")
    try home.submit("tasks: {a: {run: 'true'}}\n")
    let refused = try home.astro("drain")
    #expect(refused.code == 73 && refused.errors.hasSuffix(": No space left on device\n"), "\(refused)")
    #expect(home.exists("spool/work.yaml"))
    unlink(home.path + "/data/ballast")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 2)
  }

  @Test func aTaskThatFillsTheDiskIsTakenUpAgainWhenThereIsRoom() throws {
    let home = try home(small: "data", options: "size=2m,mode=711")
    try home.submit(
      """
      tasks:
        a:
          run: |
            echo a >> "$ASTRO_HOME/marks"
            dd if=/dev/zero of="$ASTRO_HOME/data/ballast" bs=1k 2>/dev/null || true
        b:
          needs: a
          run: echo b >> "$ASTRO_HOME/marks"

      """)
    let stopped = try home.astro("drain")
    #expect(stopped.code == 73, "\(stopped)")
    #expect(stopped.errors.contains("Runner failed: \(home.path)/data/"))
    #expect(home.names(in: "spool/active").count == 1)
    let probe = try home.astro("health", "ready")
    #expect(probe.code == 1 && probe.output.hasPrefix("{\"status\":\"not_ready\""), "\(probe)")
    unlink(home.path + "/data/ballast")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/active").isEmpty && home.names(in: "spool/done").count == 2)
    // What had run was not run again.
    #expect(try home.read("marks") == "a\nb\n")
    #expect(try home.astro("health", "ready").code == 1)  // 2 MiB are never enough room
    #expect(try home.astro("health", "live").code == 0)
  }
}

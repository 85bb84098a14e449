import Foundation
import Glibc
import Testing

/// The built runner is killed while its tasks run, alone or with its warden; the next one goes on.
@Suite(.serialized) struct RunnerDeath {
  /// A drain of tasks that tell that they have begun, wait to be let on, print, and end with codes of their own; all have
  /// begun.
  private func begun(_ count: Int) throws -> (Home, Command, Gate) {
    let home = try Home(system: "max_parallel_tasks: 64")
    let gate = try home.gate()
    var text = "name: long\ntasks:\n"
    for number in 0..<count {
      text += """
          t\(number):
            run: |
              echo "began \(number) $ASTRO_ATTEMPT $$" >> "$ASTRO_HOME/effects"
              \(gate.pass)
              yes \(number) | head -c 100000
              echo "ended \(number) $ASTRO_ATTEMPT $$" >> "$ASTRO_HOME/effects"
              exit \(number)

        """
    }
    try home.submit(text)
    let runner = try home.start("drain")
    for _ in 0..<count { try gate.waitForTask() }
    return (home, runner, gate)
  }

  private func effects(_ home: Home) throws -> [[String]] {
    try home.read("effects").lines.map { $0.split(separator: " ").map(String.init) }
  }

  /// Not a zombie, which only waits for the system to take note of its end.
  private func isAlive(_ pid: String) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !status.contains(") Z ") && !status.contains(") X ")
  }

  private func warden(_ home: Home) throws -> Int32 {
    let name = try #require(home.names(in: "data/runners").first { $0.hasSuffix(".warden") && !$0.hasPrefix(".") })
    let owner = try home.read("data/runners/\(name)").split(separator: " ")
    return try #require(owner.dropFirst().first.flatMap { Int32($0) })
  }

  @Test func theSameProcessesGoOnAndTheNextRunnerTakesTheirEnds() throws {
    let count = 12
    let (home, runner, gate) = try begun(count)
    try runner.kill()
    for _ in 0..<count { gate.letOn() }
    #expect(try home.astro("drain").code == 1)
    let lines = try effects(home)
    for number in 0..<count {
      let mine = lines.filter { $0[1] == String(number) }
      #expect(mine.map { $0[0] } == ["began", "ended"])
      #expect(Set(mine.map { $0[3] }).count == 1)
    }
    let report = try home.astro("status", "@latest", "--json").output
    for number in 1..<count { #expect(report.contains("\"exit_code\":\(number)"), "\(report)") }
    let run = try home.run(in: "failed")
    for number in 0..<count {
      let printed = try home.read("data/runs/\(run)/tasks/t\(number)/1/stdout")
      #expect(printed == String(String(repeating: "\(number)\n", count: 50_000).prefix(100_000)))
    }
  }

  @Test func oneWhoseLockSomebodyRemovedStopsAndLosesNothing() throws {
    let (home, runner, gate) = try begun(2)
    let lock = try #require(home.names(in: "data/runners").first { $0.hasSuffix(".lock") })
    try #require(unlink("\(home.path)/data/runners/\(lock)") == 0)
    let ending = try runner.finish()
    #expect(
      ending.code == 75
        && ending.errors.contains(
          "\(home.path)/data/runners/\(lock): was removed while its runner is at work: others take what it owns for a dead "
            + "one's, so it stops here; what it started goes on"),
      "\(ending.errors)")
    for _ in 0..<2 { gate.letOn() }
    #expect(try home.astro("drain").code == 1)
    #expect(try effects(home).map { $0[0] }.sorted() == ["began", "began", "ended", "ended"])
  }

  @Test func aCopiedHomeLeavesTheTasksOfTheOtherAlone() throws {
    let count = 3
    let (home, runner, gate) = try begun(count)
    let copy = home.path + "/copy"
    try #require(home.shell("mkdir copy; cp -a config data logs spool copy").code == 0)
    #expect(try home.astro("drain", "--home", copy).code == 1)
    let report = try home.astro("status", "@latest", "--home", copy).output
    let words =
      "it was started in the home of which this one is a copy, and may run there: whether it finished is not known"
    #expect(report.contains("lost") && report.contains(words), "\(report)")
    for _ in 0..<count { gate.letOn() }
    #expect(try runner.finish().code == 1)
    #expect(try effects(home).count == 2 * count)
  }

  @Test func inAMovedHomeWhatWasLostIsFoundAndKilled() throws {
    let (home, runner, _) = try begun(2)
    let warden = try warden(home)
    try runner.kill()
    try #require(kill(warden, SIGKILL) == 0)
    let lines = try effects(home)
    let moved = home.path + ".moved"
    try #require(rename(home.path, moved) == 0)
    defer { rename(moved, home.path) }
    let drain = try Command(home.astro, ["drain", "--home", moved]).finish()
    #expect(drain.code == 1)
    for line in lines { #expect(!isAlive(line[3]), "\(line) still runs") }
  }

  @Test func whenTheWardenIsKilledTooNothingIsCalledASuccessAndNothingIsLeftRunning() throws {
    let count = 6
    let (home, runner, _) = try begun(count)
    let warden = try warden(home)
    try runner.kill()
    try #require(kill(warden, SIGKILL) == 0)
    #expect(try home.astro("drain").code == 1)
    let lines = try effects(home)
    #expect(lines.count == count)
    #expect(lines.allSatisfy { $0[0] == "began" })
    for line in lines { #expect(!isAlive(line[3]), "\(line) still runs") }
    let report = try home.astro("status", "@latest", "--json").output
    #expect(report.contains("\"state\":\"lost\""), "\(report)")
    #expect(!report.contains("\"state\":\"succeeded\""), "\(report)")
  }
}

import Foundation
import Glibc
import Testing

/// The built binary over a spool in which something is in the way: it says what, runs the rest, and goes on by itself
/// once it is mended. Nothing is lost and nothing runs twice.
@Suite struct SpoolTroubleTests {
  private func counting(_ name: String) -> String { "tasks: {a: {run: 'echo \(name) >> \"$ASTRO_HOME/count\"'}}\n" }

  private func spoolCheck(_ home: Home) throws -> [String: Any] {
    let checks = try home.read("data/health.json").json()["checks"] as? [String: Any]
    return try #require(checks?["spool"] as? [String: Any])
  }

  /// chattr(1): with `+i` not even root can change what it is set on.
  private func chattr(_ change: String, _ path: String) throws {
    try #require(attempt(change, path) == 0, "chattr \(change) \(path): run the tests as root, on ext4 or xfs")
  }

  private func attempt(_ change: String, _ path: String) throws -> Int32 {
    try Command("/usr/bin/env", ["chattr", change, path]).finish().code
  }

  // MARK: One file

  @Test func `a file that cannot be moved is skipped and explained, the others run`() throws {
    let home = try Home()
    try home.submit(counting("stuck"), as: "a.yaml")
    try home.submit(counting("good"), as: "b.yaml")
    let stuck = home.path + "/spool/a.yaml"
    try chattr("+i", stuck)
    defer { _ = try? attempt("-i", stuck) }
    let pass = try home.astro("drain")
    #expect(pass.code == 0, "\(pass)")
    #expect(try home.read("count") == "good\n")
    let lines = try home.log("File cannot be taken")
    #expect(lines.count == 1)
    #expect(lines.first?.contains("\"file\":\"a.yaml\"") == true)
    #expect(lines.first?.contains("Operation not permitted") == true)
    #expect(try home.astro("status").output.contains("it cannot be taken: Operation not permitted"))
    #expect(try home.astro("explain", "a.yaml").output.contains("it cannot be taken: Operation not permitted\n"))
    #expect(try spoolCheck(home)["status"] as? String == "degraded")
    // A pass of cron comes every minute, and mails what is new.
    #expect(try home.astro("drain").errors.isEmpty)
    #expect(try home.log("File cannot be taken").count == 1)
    try chattr("-i", stuck)
    #expect(try home.astro("drain").code == 0)
    #expect(try home.read("count") == "good\nstuck\n")
    #expect(try spoolCheck(home)["status"] as? String == "healthy")
  }

  @Test func `a file that cannot be read ends no watcher`() throws {
    let home = try Home()
    try home.submit(counting("unread"), as: "a.yaml")
    // Reading the speed of the loopback device fails: it has none.
    try home.mount("/sys/class/net/lo/speed", on: "spool/a.yaml", flags: MS_BIND)
    let watch = try home.start("watch")
    try home.submit(counting("good"), as: "b.yaml")
    try eventually("the good one runs") { home.names(in: "spool/done").count == 2 }
    #expect(try home.astro("explain", "a.yaml").output.contains("it cannot be read at the moment"))
    #expect(try home.astro("status").output.contains("it cannot be read: Invalid argument"))
    #expect(try watch.stop().code == 0)
    #expect(try home.log("Runner failed").isEmpty)
  }

  // MARK: One run

  @Test func `a run whose place is taken keeps nobody else, and is placed when it is free`() throws {
    let home = try Home()
    let id = try home.astro("submit", home.made("slow.yaml", counting("obstructed"))).output.lines[0]
    let place = "\(home.path)/spool/done/\(id).yaml"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    for number in 0..<20 { try home.submit(counting("\(number)"), as: "w\(number).yaml") }
    let pass = try home.astro("drain")
    #expect(pass.code == 69)
    #expect(pass.errors.contains("Run cannot be placed") && pass.errors.contains("Is a directory"), "\(pass)")
    #expect(home.names(in: "spool/active") == ["\(id).yaml"])
    let watch = try home.start("watch")
    try home.submit(counting("later"), as: "later.yaml")
    try eventually("others are taken") { try home.read("count").contains("later") }
    #expect(try spoolCheck(home)["status"] as? String == "degraded")
    #expect(try watch.stop().code == 0)
    try #require(rmdir(place) == 0)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/active").isEmpty)
    #expect(home.names(in: "spool/done").count == 44)
    #expect(try home.read("count").lines.count == 22)
  }

  @Test func `a retried run whose file cannot be brought back goes on, and so do others`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'test $ASTRO_ATTEMPT = 2'}}\n")
    let run = try home.run(in: "failed")
    let obstacle = "\(home.path)/spool/active/\(run).yaml"
    try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
    #expect(try home.astro("retry", run).code == 0)
    try home.submit(counting("other"))
    let pass = try home.astro("drain")
    #expect(pass.errors.contains("Run cannot be placed"), "\(pass)")
    #expect(try home.read("count") == "other\n")
    #expect(try home.state(of: run) == "succeeded")
    #expect(home.names(in: "spool/failed").isEmpty)
    #expect(home.names(in: "spool/done").count == 4)
  }

  // MARK: The spool

  @Test func `a place that is read-only fails a pass, and the next one completes it`() throws {
    let home = try Home()
    let done = home.path + "/spool/done"
    try home.astro("drain")
    try home.submit(counting("one"), as: "a.yaml")
    try chattr("+i", done)
    defer { _ = try? attempt("-i", done) }
    let pass = try home.astro("drain")
    #expect(pass.code == 69, "\(pass)")
    #expect(pass.errors.contains("/spool/done/") && pass.errors.contains("Operation not permitted"), "\(pass)")
    #expect(home.names(in: "spool/active").count == 1, "no temporary file is left")
    let report = try home.read("data/health.json")
    #expect(report.contains("\"spool\": {\"status\":\"unhealthy\""))
    #expect(report.contains("\"database\": {\"status\":\"healthy\""))
    try chattr("-i", done)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 2 && home.names(in: "spool/active").isEmpty)
    #expect(try home.read("count") == "one\n")
  }

  @Test func `a watcher waits for a read-only spool, says so once, and goes on by itself`() throws {
    let home = try Home()
    let spool = home.path + "/spool"
    try home.astro("drain")
    try home.mount(spool, on: "spool", flags: MS_BIND)
    let gate = try home.gate()
    let watch = try home.start("watch")
    // A rename from outside would cross the mount.
    try home.write("tasks: {a: {run: '\(gate.pass); echo go >> \"$ASTRO_HOME/count\"'}}\n", to: "spool/a.yaml")
    try eventually("it is claimed") { home.names(in: "spool/active").count == 1 }
    try home.write(counting("late"), to: "spool/.late")
    try #require(mount(nil, spool, nil, UInt(MS_BIND | MS_REMOUNT | MS_RDONLY), nil) == 0)
    gate.letOn()
    try eventually("it says so") { try !home.log("Spool cannot be used").isEmpty }
    try eventually("health says so") { try spoolCheck(home)["status"] as? String == "unhealthy" }
    #expect(home.names(in: "spool/active").count == 1)
    try #require(mount(nil, spool, nil, UInt(MS_BIND | MS_REMOUNT), nil) == 0)
    try eventually("it goes on") { home.names(in: "spool/done").count == 2 }
    try eventually("it says that, too") { try home.log("Spool can be used again").count == 1 }
    try #require(rename("\(spool)/.late", "\(spool)/b.yaml") == 0)
    try eventually("new files are taken") { home.names(in: "spool/done").count == 4 }
    #expect(try home.read("count") == "go\nlate\n")
    #expect(try home.log("Spool cannot be used").count == 1)
    #expect(try home.log("Runner failed").isEmpty)
    #expect(try watch.stop().code == 0)
  }

  @Test func `a watcher waits for a spool that was moved away`() throws {
    let home = try Home()
    let watch = try home.start("watch")
    try home.submit(counting("one"), as: "a.yaml")
    try eventually("it works") { home.names(in: "spool/done").count == 2 }
    try #require(rename(home.path + "/spool", home.path + "/elsewhere") == 0)
    try eventually("it says so") { try !home.log("Spool cannot be used").isEmpty }
    mkdir(home.path + "/spool", 0o700)
    try home.submit(counting("two"), as: "b.yaml")
    try eventually("it takes from the new one") { home.names(in: "spool/done").count == 2 }
    #expect(try home.read("count") == "one\ntwo\n")
    #expect(try watch.stop().code == 0)
  }

  // MARK: Commits that fail

  /// While nothing can be made in `data/runs`, the transaction that admits a run fails after its file was claimed.
  private func breakRuns(_ home: Home) throws {
    try home.astro("drain")
    try chattr("+i", home.path + "/data/runs")
  }

  private func mendRuns(_ home: Home) throws { try chattr("-i", home.path + "/data/runs") }

  @Test func `what was claimed for a commit that failed stays claimed, and keeps all that is known of it`() throws {
    let home = try Home()
    try breakRuns(home)
    defer { _ = try? attempt("-i", home.path + "/data/runs") }
    try home.submit(counting("good"), as: "good.yaml")
    try #require(symlink("/nowhere", home.path + "/spool/link.yaml") == 0)
    let pass = try home.astro("drain")
    #expect(pass.code == 73, "\(pass)")
    #expect(home.waiting.isEmpty, "whether the commit reached the disk is not known")
    #expect(home.names(in: "spool/active").count == 2)
    try mendRuns(home)
    #expect(try home.astro("drain").code == 0)
    #expect(try home.read("count") == "good\n")
    #expect(home.names(in: "spool/active").isEmpty)
    let rejected = try home.receipt(in: "rejected")
    #expect(rejected["file"] as? String == "link.yaml")
    #expect(rejected["user_id"] as? String == "root")
    let errors = try #require(rejected["errors"] as? [[String: Any]])
    #expect(errors.map { $0["code"] as? String } == ["symbolic_link"])
    #expect(try home.log("Claimed file without a run").count == 2)
    #expect(try home.log("Workflow accepted").count == 1)
    #expect(
      try home.read("data/metrics/astro.prom").contains("astro_rejected_total{reason=\"symbolic_link\"} 1\n"))
  }

  @Test func `a watcher whose commit failed admits the file itself once it can`() throws {
    let home = try Home()
    try breakRuns(home)
    defer { _ = try? attempt("-i", home.path + "/data/runs") }
    let watch = try home.start("watch")
    try home.submit(counting("one"), as: "a.yaml")
    #expect(watch.logs("Runner stopped, starting again"))
    #expect(home.waiting.isEmpty)
    try mendRuns(home)
    try eventually("it runs") { home.names(in: "spool/done").count == 2 }
    #expect(try home.read("count") == "one\n")
    #expect(try watch.stop().code == 0)
  }

  @Test func `what lies in active and is no workflow is rejected`() throws {
    let home = try Home()
    try home.astro("drain")
    let id = "work-20260101T000000Z-abcdef"
    try #require(symlink("/nowhere", "\(home.path)/spool/active/\(id).yaml") == 0)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/rejected") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(home.names(in: "spool/active").isEmpty)
    #expect(try home.log("Workflow rejected").count == 1)
  }

  // MARK: The log

  @Test func `each file is logged as submitted once, and then as what became of it`() throws {
    let home = try Home()
    try home.submit(Workflows.succeeding, as: "good.yaml")
    try home.submit("tasks: {}\n", as: "bad.yaml")
    try home.write(Workflows.succeeding, to: "placed.yaml")
    try home.astro("submit", "placed.yaml")
    try home.astro("drain")
    try home.astro("run", "placed.yaml")
    let submitted = try home.log("Workflow submitted")
    #expect(submitted.count == 4)
    #expect(submitted.allSatisfy { $0.contains("\"submitted_at\":\"") && $0.contains("\"user_id\":\"root\"") })
    #expect(try home.log("Workflow accepted").count == 3)
    #expect(try home.log("Workflow rejected").count == 1)
  }
}

import Foundation
import Testing

@Suite struct Clean {
  private func home(_ workflow: String = "tasks: {a: {run: echo hello}}\n") throws -> (ControlHome, String) {
    let home = try ControlHome()
    try home.submit(workflow)
    try home.run("drain")
    return (home, try home.id(in: "done"))
  }

  private func rows(_ home: ControlHome) throws -> Int {
    try home.run("list", "--json").output.components(separatedBy: "workflow_id").count - 1
  }

  @Test func anOldRunGoesWhole() throws {
    let (home, id) = try home()
    let answer = try home.run("clean", "--older-than", "0s")
    #expect(answer.code == 0)
    #expect(answer.output.hasPrefix("removed \(id)\nremoved 1 run(s), "))
    #expect(home.files("data/runs").isEmpty)
    #expect(home.files("spool/done").isEmpty)
    #expect(try rows(home) == 0)
    #expect(try home.run("status", id).code == 66)
  }

  @Test func aDryRunOnlySaysIt() throws {
    let (home, id) = try home()
    let answer = try home.run("clean", "--older-than", "0s", "--dry-run", "--json")
    #expect(answer.json["runs"] as? [String] == [id])
    #expect(home.files("data/runs") == [id])
    #expect(try rows(home) == 1)
  }

  @Test func theRetentionKeepsFailedRunsLonger() throws {
    let (home, good) = try home()
    try home.submit("tasks: {a: {run: 'false'}}\n")
    try home.run("drain")
    let bad = try home.id(in: "failed")
    try home.sql("UPDATE run SET finished_at = finished_at - 31 * 86400 * 1000000")
    #expect(try home.run("clean", "--json").json["runs"] as? [String] == [good])
    #expect(home.files("spool/failed").count == 2)
    try home.sql("UPDATE run SET finished_at = finished_at - 60 * 86400 * 1000000")
    #expect(try home.run("clean", "--json").json["runs"] as? [String] == [bad])
    #expect(home.files("spool/failed").isEmpty)
  }

  @Test func aSubmissionGoesWhenItsFileIsNotThereAnyMore() throws {
    let (home, _) = try home()
    try home.write("params: {p: {type: string}}\ntasks: {a: {run: 'true'}}\n", "w.yaml")
    let ids = try (0..<2).map { _ in
      try #require(try home.run("submit", "\(home.path)/w.yaml", "-p", "p=x").output.split(separator: "\n").first)
    }
    try #require(unlink("\(home.path)/spool/\(ids[0]).yaml") == 0)
    try home.run("clean")
    #expect(try home.sql("SELECT count(*) FROM submission") == "2")
    try home.sql("UPDATE submission SET created_at = created_at - 2 * 86400 * 1000000")
    try home.run("clean")
    #expect(try home.sql("SELECT id FROM submission") == String(ids[1]))
  }

  @Test func nothingActiveOrUnsettledGoes() throws {
    let (home, id) = try home()
    try home.run("retry", id, "--only", "a")
    #expect(try home.run("clean", "--older-than", "0s", "--json").json["runs"] as? [String] == [])
    try home.run("drain")
    try home.sql("UPDATE run SET settled = 0")
    #expect(try home.run("clean", "--older-than", "0s", "--json").json["runs"] as? [String] == [])
    #expect(home.files("data/runs") == [id])
  }

  @Test func hostileTreesAreRemovedAndNothingOutsideIsTouched() throws {
    let (home, id) = try home()
    let outside = "\(home.path)/outside"
    try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
    try home.write("precious", "outside/file")
    let script = """
      cd "$1"
      ln -s "$2" link; ln -s / root; ln -s "$2/file" file
      mkfifo pipe
      mkdir closed; echo x > closed/in; mkdir closed/deeper; echo y > closed/deeper/in; chmod 000 closed/deeper closed
      i=0; while [ $i -lt 1000 ]; do mkdir d; cd -P d; i=$((i+1)); done; echo end > end
      """
    let tree = "\(home.path)/data/runs/\(id)/files"
    #expect(try ControlHome.execute("/bin/sh", ["-eu", "-c", script, "sh", tree, outside]).code == 0)
    let answer = try home.run("clean", "--older-than", "0s", "--json")
    #expect(answer.code == 0)
    #expect(answer.json["leftovers"] as? [String] == [])
    #expect((answer.json["names"] as? Int ?? 0) > 1000)
    #expect(home.files("data/runs").isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/data/runs").isEmpty)
    #expect(home.text("outside/file") == "precious")
  }

  @Test func orphansOfOurNamesGoAfterADayAndStrangersStay() throws {
    let (home, id) = try home()
    let orphan = "lost-20250101T000000Z-abcdef"
    for name in [orphan, "fresh-20250101T000000Z-abcdef", "notes"] {
      try FileManager.default.createDirectory(
        atPath: "\(home.path)/data/runs/\(name)/files", withIntermediateDirectories: true)
    }
    for name in [orphan, "notes"] {
      #expect(
        try ControlHome.execute("/usr/bin/touch", ["-d", "2 days ago", "\(home.path)/data/runs/\(name)"]).code == 0)
    }
    let answer = try home.run("clean")
    #expect(
      answer.output.hasPrefix(
        "removed \(orphan), which no run in the journal has\nleft data/runs/notes: not a name of ours\nremoved 1 run(s), "
      ))
    #expect(home.files("data/runs") == ["fresh-20250101T000000Z-abcdef", "notes", id].sorted())
  }

  @Test func whatACrashLeftHalfRemovedIsFinished() throws {
    let (home, id) = try home()
    // Killed after the rows: file, receipt and directory are left without any.
    try home.sql("DELETE FROM run; DELETE FROM content; DELETE FROM task; DELETE FROM attempt")
    #expect(try ControlHome.execute("/usr/bin/touch", ["-d", "2 days ago", "\(home.path)/data/runs/\(id)"]).code == 0)
    // Killed while a directory was being emptied.
    let half = "\(home.path)/data/runs/.removed-x-1/files"
    try FileManager.default.createDirectory(atPath: half, withIntermediateDirectories: true)
    let answer = try home.run("clean", "--older-than", "0s", "--json")
    #expect(answer.json["orphans"] as? [String] == [id])
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/data/runs").isEmpty)
    #expect(home.files("spool/done").isEmpty)
  }

  @Test func aPassCleansOnceADay() throws {
    let (home, id) = try home()
    try home.sql("UPDATE run SET finished_at = finished_at - 31 * 86400 * 1000000")
    #expect(try home.run("drain").code == 0)
    #expect(home.files("data/runs") == [id])
    try home.sql("UPDATE meta SET value = '2025-01-01T00:00:00.000Z' WHERE key = 'cleaned_at'")
    #expect(try home.run("drain").code == 0)
    #expect(home.files("data/runs").isEmpty)
    #expect(try rows(home) == 0)
  }

  @Test func aWatcherCleansBesideItsWork() throws {
    let (home, id) = try home()
    try home.sql("UPDATE run SET finished_at = finished_at - 31 * 86400 * 1000000; DELETE FROM meta")
    let watcher = try Following(home, "watch")
    let line = try watcher.line(with: "Old runs removed")
    #expect(line.contains("\"runs\":1") || line.contains("\"runs\":\"1\""))
    try home.submit("tasks: {a: {run: echo hello}}\n")
    try watcher.line(with: "Workflow completed")
    #expect(watcher.stop() == 0)
    #expect(!home.files("data/runs").contains(id))
    #expect(home.files("spool/done").count == 2)
  }
}

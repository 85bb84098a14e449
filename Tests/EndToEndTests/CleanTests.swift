import Foundation
import Testing

@Suite struct Clean {
  private func home(_ workflow: String = "tasks: {a: {run: echo hello}}\n") throws -> (Home, String) {
    let home = try Home()
    try home.submit(workflow)
    try home.astro("drain")
    return (home, try home.run(in: "done"))
  }

  private func rows(_ home: Home) throws -> Int {
    try home.astro("list", "--json").output.components(separatedBy: "workflow_id").count - 1
  }

  @Test func anOldRunGoesWhole() throws {
    let (home, id) = try home()
    let answer = try home.astro("clean", "--older-than", "0s")
    #expect(answer.code == 0)
    #expect(answer.output.hasPrefix("removed \(id)\nremoved 1 run(s), "))
    #expect(home.names(in: "data/runs").isEmpty)
    #expect(home.names(in: "spool/done").isEmpty)
    #expect(try rows(home) == 0)
    #expect(try home.astro("status", id).code == 66)
  }

  @Test func aDryRunOnlySaysIt() throws {
    let (home, id) = try home()
    let answer = try home.astro("clean", "--older-than", "0s", "--dry-run", "--json")
    #expect(try answer.output.json()["runs"] as? [String] == [id])
    #expect(home.names(in: "data/runs") == [id])
    #expect(try rows(home) == 1)
  }

  @Test func theRetentionKeepsFailedRunsLonger() throws {
    let (home, good) = try home()
    try home.submit("tasks: {a: {run: 'false'}}\n")
    try home.astro("drain")
    let bad = try home.run(in: "failed")
    try home.sql("UPDATE run SET finished_at = finished_at - 31 * 86400 * 1000000")
    #expect(try home.astro("clean", "--json").output.json()["runs"] as? [String] == [good])
    #expect(home.names(in: "spool/failed").count == 2)
    try home.sql("UPDATE run SET finished_at = finished_at - 60 * 86400 * 1000000")
    #expect(try home.astro("clean", "--json").output.json()["runs"] as? [String] == [bad])
    #expect(home.names(in: "spool/failed").isEmpty)
  }

  @Test func aSubmissionGoesWhenItsFileIsNotThereAnyMore() throws {
    let (home, _) = try home()
    try home.write("params: {p: {type: string}}\ntasks: {a: {run: 'true'}}\n", to: "w.yaml")
    let ids = try (0..<2).map { _ in
      try #require(try home.astro("submit", "\(home.path)/w.yaml", "-p", "p=x").output.split(separator: "\n").first)
    }
    try #require(unlink("\(home.path)/spool/\(ids[0]).yaml") == 0)
    try home.astro("clean")
    #expect(try home.sql("SELECT count(*) FROM submission") == "2")
    try home.sql("UPDATE submission SET created_at = created_at - 2 * 86400 * 1000000")
    try home.astro("clean")
    #expect(try home.sql("SELECT id FROM submission") == String(ids[1]))
  }

  /// As a claimer leaves it that is killed before it commits the run.
  @Test func aSubmissionStaysWhileItsFileIsClaimed() throws {
    let (home, _) = try home()
    let tasks = "tasks: {a: {run: 'echo \"$P\"', env: {P: '${{ params.p }}'}}}"
    try home.write("params: {p: {type: string}}\n\(tasks)\n", to: "w.yaml")
    let id = try #require(
      try home.astro("submit", "\(home.path)/w.yaml", "-p", "p=x").output.split(separator: "\n").first)
    try #require(rename("\(home.path)/spool/\(id).yaml", "\(home.path)/spool/active/\(id).yaml") == 0)
    try home.sql("UPDATE submission SET created_at = created_at - 2 * 86400 * 1000000")
    try home.astro("clean")
    #expect(try home.sql("SELECT id FROM submission") == String(id))
    try home.astro("drain")
    #expect(try home.astro("logs", String(id), "a", "--stdout").output == "x\n")
  }

  @Test func nothingActiveOrUnsettledGoes() throws {
    let (home, id) = try home()
    try home.astro("retry", id, "--only", "a")
    #expect(try home.astro("clean", "--older-than", "0s", "--json").output.json()["runs"] as? [String] == [])
    try home.astro("drain")
    try home.sql("UPDATE run SET settled = 0")
    #expect(try home.astro("clean", "--older-than", "0s", "--json").output.json()["runs"] as? [String] == [])
    #expect(home.names(in: "data/runs") == [id])
  }

  @Test func hostileTreesAreRemovedAndNothingOutsideIsTouched() throws {
    let (home, id) = try home()
    let outside = "\(home.path)/outside"
    try home.write("precious", to: "outside/file")
    let script = """
      set -eu
      cd "$1"
      ln -s "$2" link; ln -s / root; ln -s "$2/file" file
      mkfifo pipe
      mkdir closed; echo x > closed/in; mkdir closed/deeper; echo y > closed/deeper/in; chmod 000 closed/deeper closed
      i=0; while [ $i -lt 1000 ]; do mkdir d; cd -P d; i=$((i+1)); done; echo end > end
      """
    let tree = "\(home.path)/data/runs/\(id)/files"
    #expect(try home.shell(script, [tree, outside]).code == 0)
    let answer = try home.astro("clean", "--older-than", "0s", "--json")
    #expect(answer.code == 0)
    #expect(try answer.output.json()["leftovers"] as? [String] == [])
    #expect((try answer.output.json()["names"] as? Int ?? 0) > 1000)
    #expect(home.names(in: "data/runs").isEmpty)
    #expect(try home.read("outside/file") == "precious")
  }

  /// Each removal and each rename is of one name in an open directory: nothing that is renamed meanwhile, and no link, can
  /// lead it elsewhere.
  @Test func nothingIsRemovedByAPath() throws {
    let (home, id) = try home()
    let script = "cd \"$1\"; mkdir -p a/b; ln -s / a/root; ln -s ../../../../.. a/up; touch a/b/file"
    #expect(try home.shell(script, ["\(home.path)/data/runs/\(id)/files"]).code == 0)
    let calls = "signal=none -e trace=unlink,unlinkat,rmdir,rename,renameat,renameat2"
    let traced = "exec strace -f -qq -y -e \(calls) -o \"$1\" \"$0\" clean --older-than 0s"
    #expect(try home.shell(traced, [home.path + "/trace"]).code == 0)
    #expect(home.names(in: "data/runs").isEmpty)
    // SQLite knows its own files by their paths.
    let lines = try home.read("trace").lines.filter { !$0.contains("/data/astro.sqlite-") }
    #expect(lines.count { $0.contains("unlinkat") } > 8)
    for line in lines {
      let call = try #require(line.firstMatch(of: #/(\w+)\((.*)\) += /#), "\(line)")
      let places = call.2.matches(of: #/(\S+), "([^"]*)"/#)
      #expect(!places.isEmpty, "by a path: \(line)")
      for place in places {
        #expect(place.1.hasSuffix(">") && !place.1.contains("AT_FDCWD"), "by a path: \(line)")
        #expect(!place.2.contains("/") && place.2 != "..", "by a path: \(line)")
      }
    }
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
        try Command("/usr/bin/touch", ["-d", "2 days ago", "\(home.path)/data/runs/\(name)"]).finish().code == 0)
    }
    let answer = try home.astro("clean")
    #expect(
      answer.output.hasPrefix(
        "removed \(orphan), which no run in the journal has\nleft data/runs/notes: not a name of ours\nremoved 1 run(s), "
      ))
    #expect(home.names(in: "data/runs") == ["fresh-20250101T000000Z-abcdef", "notes", id].sorted())
  }

  private static let forgetting = "DELETE FROM run; DELETE FROM content; DELETE FROM task; DELETE FROM attempt"

  /// A journal may have lost them: what lies there decides.
  @Test func ofARunThatNoRowKnowsTheReceiptDecides() throws {
    let (home, id) = try home()
    try home.sql(Self.forgetting)
    // What was touched last, or the file system thinks so, does not matter.
    try #require(
      try home.shell("touch -d '1 year ago' data/runs/\(id) data/runs/\(id)/* spool/done/*").code == 0)
    #expect(try home.astro("clean").output == "removed 0 run(s), 0 files and directories, 0 bytes\n")
    #expect(home.names(in: "spool/done").count == 2 && home.names(in: "data/runs") == [id])

    let receipt = try home.read("spool/done/\(id).receipt.json")
    unlink("\(home.path)/spool/done/\(id).receipt.json")
    let left = "left \(id): the journal does not know it, and no receipt says that it ended\n"
    #expect(
      try home.astro("clean", "--older-than", "0s").output
        == left + "removed 0 run(s), 0 files and directories, 0 bytes\n")
    #expect(home.names(in: "spool/done") == ["\(id).yaml"] && home.names(in: "data/runs") == [id])

    let old = try #require(try receipt.json()["finished_at"] as? String)
    try home.write(
      receipt.replacingOccurrences(of: old, with: "2020-01-01T00:00:00.000Z"), to: "spool/done/\(id).receipt.json")
    #expect(try home.astro("clean").output.hasPrefix("removed \(id), which no run in the journal has\n"))
    #expect(home.names(in: "spool/done").isEmpty && home.names(in: "data/runs").isEmpty)
  }

  @Test func whatACrashLeftHalfRemovedIsFinished() throws {
    let (home, id) = try home()
    // Killed after the rows: file, receipt and directory are left without any.
    try home.sql(Self.forgetting)
    // Killed while a directory was being emptied.
    let half = "\(home.path)/data/runs/.removed-x-1/files"
    try FileManager.default.createDirectory(atPath: half, withIntermediateDirectories: true)
    let answer = try home.astro("clean", "--older-than", "0s", "--json")
    #expect(try answer.output.json()["orphans"] as? [String] == [id])
    #expect(home.names(in: "data/runs").isEmpty)
    #expect(home.names(in: "spool/done").isEmpty)
  }

  @Test func aPassCleansOnceADay() throws {
    let (home, id) = try home()
    try home.sql("UPDATE run SET finished_at = finished_at - 31 * 86400 * 1000000")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "data/runs") == [id])
    try home.sql("UPDATE meta SET value = '2025-01-01T00:00:00.000Z' WHERE key = 'cleaned_at'")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "data/runs").isEmpty)
    #expect(try rows(home) == 0)
  }

  @Test func aWatcherCleansBesideItsWork() throws {
    let (home, id) = try home()
    try home.sql(
      "UPDATE run SET finished_at = finished_at - 31 * 86400 * 1000000; DELETE FROM meta WHERE key = 'cleaned_at'")
    let watcher = try home.start("watch")
    #expect(watcher.logs("Old runs removed"))
    try home.submit("tasks: {a: {run: echo hello}}\n")
    #expect(watcher.logs("Workflow completed"))
    #expect(try watcher.stop().code == 0)
    #expect(try home.log("Old runs removed").first?.json()["runs"] as? Int == 1)
    #expect(!home.names(in: "data/runs").contains(id))
    #expect(home.names(in: "spool/done").count == 2)
  }
}

import Foundation
import Glibc
import Testing

@Suite struct SharedHomeTests {
  /// Each run appends its name to one file, one write(2) each.
  private func counting(_ name: String, tasks: Int = 1) -> String {
    "tasks:\n" + (1...tasks).map { "  t\($0): {run: 'echo \(name).\($0) >> \"$ASTRO_HOME/count\"'}\n" }.joined()
  }

  private func counts(_ home: ScratchHome) -> [String] {
    (home.read("count") ?? "").split(separator: "\n").map(String.init).sorted()
  }

  @Test func `two passes and a watcher share thirty files, each is run once`() throws {
    let home = try ScratchHome()
    for number in 1...30 { try home.drop(counting("f\(number)"), as: "f\(number).yaml") }
    let runners = [try home.start("watch"), try home.start("drain"), try home.start("drain")]
    try eventually("all have ended") { home.names("spool/done").count == 60 }
    runners[0].signal(SIGTERM)
    for runner in runners { #expect(runner.finish().code == 0) }
    #expect(counts(home) == (1...30).map { "f\($0).1" }.sorted())
    #expect(home.waiting.isEmpty)
    #expect(home.names("spool/active").isEmpty)
    let page = try #require(home.read("data/metrics/astro.prom"))
    #expect(page.contains("astro_workflows_total{status=\"completed\"} 30\n"))
    #expect(home.names("data/runners").isEmpty)
  }

  @Test func `a watcher that is killed in the middle loses nothing, and nothing that succeeded runs twice`() throws {
    let home = try ScratchHome("max_parallel_tasks: 2")
    for number in 1...10 { try home.drop(counting("f\(number)", tasks: 5), as: "f\(number).yaml") }
    let watch = try home.start("watch")
    try eventually("some have run") { counts(home).count >= 12 }
    watch.kill()
    #expect(try home.astro("drain").code == 0)
    #expect(home.names("spool/done").count == 20)
    let all = (1...10).flatMap { number in (1...5).map { "f\(number).\($0)" } }
    #expect(counts(home) == all.sorted())
    // A dot file may be left where the kill met a write: nothing looks at it, and a sweep removes it.
    #expect(home.names("spool/active").allSatisfy { $0.hasPrefix(".") })
  }

  @Test func `a file that was claimed just before a crash is admitted by the next runner`() throws {
    let home = try ScratchHome()
    try home.astro("drain")
    let id = "work-20260101T000000Z-abcdef"
    let source = try home.write(counting("orphan"), to: ".orphan")
    try #require(rename(source, "\(home.path)/spool/active/\(id).yaml") == 0)
    #expect(try home.astro("drain").code == 0)
    #expect(home.names("spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(counts(home) == ["orphan.1"])
  }
}

import Foundation
import Glibc
import Testing

@Suite struct SharedHomeTests {
  /// Each run appends its name to one file, one write(2) each.
  private func counting(_ name: String, tasks: Int = 1) -> String {
    "tasks:\n" + (1...tasks).map { "  t\($0): {run: 'echo \(name).\($0) >> \"$ASTRO_HOME/count\"'}\n" }.joined()
  }

  private func counts(_ home: Home) throws -> [String] {
    home.exists("count") ? try home.read("count").lines.sorted() : []
  }

  @Test func `two passes and a watcher share thirty files, each is run once`() throws {
    let home = try Home(system: Home.unlimited)
    for number in 1...30 { try home.submit(counting("f\(number)"), as: "f\(number).yaml") }
    let runners = [try home.start("watch"), try home.start("drain"), try home.start("drain")]
    try eventually("all have ended") { home.names(in: "spool/done").count == 60 }
    runners[0].signal(SIGTERM)
    for runner in runners { #expect(try runner.finish().code == 0) }
    #expect(try counts(home) == (1...30).map { "f\($0).1" }.sorted())
    #expect(home.waiting.isEmpty)
    #expect(home.names(in: "spool/active").isEmpty)
    let page = try home.read("data/metrics/astro.prom")
    #expect(page.contains("astro_workflows_total{status=\"completed\"} 30\n"))
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `a watcher that is killed in the middle loses nothing, and nothing that succeeded runs twice`() throws {
    let home = try Home(system: "max_parallel_tasks: 2")
    for number in 1...10 { try home.submit(counting("f\(number)", tasks: 5), as: "f\(number).yaml") }
    let watch = try home.start("watch")
    try eventually("some have run") { try counts(home).count >= 12 }
    try watch.kill()
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done").count == 20)
    let all = (1...10).flatMap { number in (1...5).map { "f\(number).\($0)" } }
    #expect(try counts(home) == all.sorted())
    // A dot file may be left where the kill met a write: nothing looks at it, and a sweep removes it.
    #expect(home.names(in: "spool/active").allSatisfy { $0.hasPrefix(".") })
  }

  @Test func `a file that was claimed just before a crash is admitted by the next runner`() throws {
    let home = try Home()
    try home.astro("drain")
    let id = "work-20260101T000000Z-abcdef"
    try home.write(counting("orphan"), to: "spool/active/\(id).yaml")
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "spool/done") == ["\(id).receipt.json", "\(id).yaml"])
    #expect(try counts(home) == ["orphan.1"])
  }
}

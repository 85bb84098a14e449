import Foundation
import Testing

/// A task may do what it likes to its run's directory: that is its run's trouble, and nobody else's.
@Suite struct ObstructedRunTests {
  private static let harms = [
    #"rm -f "$ASTRO_RUN_DIR/../run.json"; mkdir "$ASTRO_RUN_DIR/../run.json""#,
    #"rm -f "$ASTRO_RUN_DIR/../run.json"; ln -s run.json "$ASTRO_RUN_DIR/../run.json""#,
    #"rm "$ASTRO_RUN_DIR/../workflow.yaml"; mkdir "$ASTRO_RUN_DIR/../workflow.yaml""#,
    #"d=$(dirname "$ASTRO_RUN_DIR"); cd /; rm -r "$d"; echo a file > "$d""#,
    #"d=$(dirname "$ASTRO_RUN_DIR"); cd /; rm -r "$d"; ln -s /nowhere "$d""#,
  ]

  @Test(arguments: harms) func `others go on, and the run ends as it ended`(harm: String) throws {
    let home = try Home()
    try home.submit("name: hostile\ntasks: {a: {run: '\(harm.replacing("'", with: "''"))'}}\n", as: "a.yaml")
    try home.submit("name: peaceful\ntasks: {a: {run: 'echo here'}}\n", as: "b.yaml")
    let ending = try home.astro("drain")
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(home.names(in: "spool/done").count == 4)
    #expect(home.names(in: "spool/active").isEmpty)
    let list = try home.astro("list", "--json").output
    #expect(list.components(separatedBy: "\"state\":\"succeeded\"").count == 3, "\(list)")
    // Nothing of it comes up again.
    #expect(try home.astro("drain").code == 0)
    #expect(home.names(in: "data/runners").isEmpty)
  }

  @Test func `what stands in the way is told`() throws {
    let home = try Home()
    try home.drain("name: hostile\ntasks: {a: {run: '\(Self.harms[0])'}}\n")
    let log = try home.read("logs/astro.log")
    #expect(log.contains("\"message\":\"Run directory obstructed\""))
    #expect(log.contains("run.json: cannot be replaced"))
    let page = try home.read("data/metrics/astro.prom")
    #expect(page.contains("astro_system_errors_total{error_type=\"run_directory\"} 1\n"))
  }
}

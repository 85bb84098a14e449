import AstroTestKit
import Foundation
import Testing

@testable import AstroSandbox

@Suite struct ContainerRecordTests {
  /// An engine that says that each removal succeeded, and lists the container until it was told so a number of times.
  private func engine(named name: String = "podman", in folder: TemporaryDirectory, listingUntil removals: Int) throws
    -> String
  {
    let path = folder.path(name)
    let script = """
      #!/bin/sh
      echo "$*" >> "$0.calls"
      case $1 in
        rm) exit 0 ;;
        ps) test "$(grep -c '^rm ' "$0.calls")" -ge \(removals) || echo "$4" | tr -d '^$' | cut -d= -f2 ;;
      esac
      """
    try script.write(toFile: path, atomically: false, encoding: .utf8)
    chmod(path, 0o700)
    return path
  }

  @Test(arguments: ["podman", "docker"])
  func `what an engine still lists is removed again, and the record stays until it is gone`(name: String) throws {
    let folder = TemporaryDirectory()
    let program = try engine(named: name, in: folder, listingUntil: 3)
    let record = try ContainerRecord(for: folder.path, program: program)
    #expect(record.remove(environment: ["PATH": "/usr/bin:/bin"]))
    let calls = try String(contentsOfFile: folder.path("\(name).calls"), encoding: .utf8).split(separator: "\n")
    let rm = name == "docker" ? "rm -f \(record.name)" : "rm -f -t 0 --ignore \(record.name)"
    let ps = "ps -a --filter name=^\(record.name)$ --format {{.Names}}"
    #expect(calls == [rm, ps, rm, ps, rm, ps].map { Substring($0) })
    #expect(ContainerRecord(at: record.path) == nil)
  }
}

import Foundation
import Glibc
import Testing

@Suite struct InitTests {
  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  @Test func `a new home is whole and valid`() throws {
    let home = try Home()
    #expect(home.names(in: ".") == ["config", "data", "logs", "spool", "workflows"])
    #expect(home.names(in: "config") == ["agents.yaml", "models.yaml", "system_config.yaml"])
    #expect(home.names(in: "workflows") == ["disk-report.yaml"])
    for name in ["spool", "spool/active", "spool/done", "logs"] { #expect(mode("\(home.path)/\(name)") == 0o700) }
    #expect(mode(home.path + "/data") == 0o711)
    #expect(mode(home.path + "/config/agents.yaml").map { $0 & 0o022 } == 0)
    #expect(try home.read("config/models.yaml").contains("\nmodels: []\n"))
    #expect(try home.astro("validate", home.path + "/workflows/disk-report.yaml").code == 0)
    #expect(try home.astro("list").code == 0)
  }

  @Test func `the example is the file in workflows, byte for byte`() throws {
    let home = try Home()
    #expect(try home.read("workflows/disk-report.yaml") == (try Examples.text("disk-report.yaml")))
  }

  @Test func `the commands it names work as they are printed, in a directory with a space`() throws {
    let home = try Home(isMade: false)
    let directory = home.path + " of mine"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let made = try Command(home.astro, ["init", directory]).finish()
    #expect(made.code == 0)
    let lines = made.output.split(separator: "\n").map(String.init)
    #expect(
      lines == [
        "\(directory) is a home; next:", "  cp '\(directory)/workflows/disk-report.yaml' '\(directory)/spool/'",
        "  astro drain --home '\(directory)'",
      ])
    let script = lines.dropFirst().joined(separator: "\n").replacingOccurrences(of: "  astro ", with: "\"$0\" ")
    #expect(try Command("/bin/sh", ["-euc", script, home.astro]).finish().code == 0)
    let done = try FileManager.default.contentsOfDirectory(atPath: directory + "/spool/done")
    #expect(done.count == 2)
  }

  @Test func `a second time changes nothing that somebody wrote`() throws {
    let home = try Home()
    try home.write("system: {log_level: DEBUG}\n", to: "config/system_config.yaml")
    try home.write("tasks: {mine: {run: 'true'}}\n", to: "workflows/disk-report.yaml")
    try FileManager.default.removeItem(atPath: home.path + "/config/models.yaml")
    let again = try Command(home.astro, ["init", home.path]).finish()
    #expect(again.code == 0)
    #expect(again.errors == "made \(home.path)/config/models.yaml\n")
    #expect(try home.read("config/system_config.yaml") == "system: {log_level: DEBUG}\n")
    #expect(try home.read("workflows/disk-report.yaml") == "tasks: {mine: {run: 'true'}}\n")
    #expect(
      try Command(home.astro, ["init", home.path]).finish().errors == "\(home.path) was complete, nothing is changed\n")
  }

  @Test func `a missing parent is named with the command that makes it`() throws {
    let home = try Home(isMade: false)
    let ending = try Command(home.astro, ["init", home.path + "/below"]).finish()
    #expect(ending.code == 73)
    #expect(
      ending.errors
        == "astro: \(home.path)/below: cannot be made: there is no directory \(home.path); make it first: mkdir -p \(home.path)\n"
    )
  }

  @Test func `what is in the way is named and left alone`() throws {
    let home = try Home(isMade: false)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: home.path))
    let file = try Command(home.astro, ["init", home.path]).finish()
    #expect(file.code == 73)
    #expect(file.errors == "astro: \(home.path): cannot become a home: it is not a directory\n")
    #expect(try String(contentsOfFile: home.path, encoding: .utf8) == "mine")

    let other = try Home(isMade: false)
    try #require(mkdir(other.path, 0o700) == 0)
    try other.write("mine", to: "spool")
    let inside = try Command(other.astro, ["init", other.path]).finish()
    #expect(inside.code == 73)
    #expect(inside.errors.hasSuffix("astro: \(other.path)/spool: is in the way: it is not a directory\n"))
    #expect(!other.exists("config/system_config.yaml"))
  }

  @Test func `a write that fails leaves no half of a file, and the next time completes the home`() throws {
    let home = try Home(isMade: false)
    // A limit of no bytes for files stands for a full disk: the first write fails.
    let limited = "trap '' XFSZ; ulimit -f 0; exec \"$0\" init \"$1\" 2> /dev/null"
    #expect(try Command("/bin/sh", ["-c", limited, home.astro, home.path]).finish().code == 73)
    #expect(home.names(in: "config").isEmpty)
    #expect(home.names(in: "workflows").isEmpty)
    #expect(try home.astro("list").code == 78)
    #expect(try Command(home.astro, ["init", home.path]).finish().code == 0)
    #expect(try home.astro("list").code == 0)
  }

  @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
  func `a directory that may not be written to is told with the reason`() throws {
    let home = try Home(isMade: false)
    try #require(mkdir(home.path, 0o500) == 0)
    let ending = try Command(home.astro, ["init", home.path]).finish()
    #expect(ending.code == 73)
    #expect(ending.errors == "astro: \(home.path)/config: cannot be made: Permission denied\n")
  }
}

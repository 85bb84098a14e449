import Foundation
import Glibc
import Testing

private let places: [(name: String, mode: mode_t, who: String)] = [
  ("", 0o775, "its group"), ("", 0o777, "every user of this machine"), ("config", 0o775, "its group"),
  ("config/system_config.yaml", 0o664, "its group"), ("config/agents.yaml", 0o666, "every user of this machine"),
  ("config/models.yaml", 0o646, "every user of this machine"), ("data", 0o733, "every user of this machine"),
]

/// Who may read what a home holds, and in which homes no runner starts (R34).
@Suite struct PermissionTests {
  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  @Test(arguments: ["000", "022", "077", "777"])
  func `whatever the umask, others reach the metrics and the health and nothing else, and tasks keep it`(
    umask: String
  ) throws {
    let home = try Home(isMade: false)
    let script = """
      umask \(umask); "$0" init "$1" > /dev/null; cd "$1"
      printf 'tasks: {a: {run: umask; echo x > "$ASTRO_RUN_DIR/made"}}\n' > "$1/work.yaml"
      "$0" submit "$1/work.yaml" && "$0" drain && "$0" logs @latest a --stdout
      """
    let environment = ["ASTRO_HOME": home.path]
    let ending = try Command("/bin/sh", ["-c", script, home.astro, home.path], environment: environment).finish()
    #expect(ending.code == 0)
    #expect(ending.output.hasSuffix("\n0\(umask)\n"))
    let open = try Command(
      "/usr/bin/find",
      [
        home.path, "-perm", "/077", "-not", "-type", "l", "-not", "-path", "*/files/made", "-printf", "%m %P\n",
      ]
    ).finish()
    let submitted = ["000": ["666 work.yaml"], "022": ["644 work.yaml"]][umask] ?? []
    let readable = [
      "644 config/agents.yaml", "644 config/models.yaml", "644 config/system_config.yaml", "644 data/health.json",
      "644 data/metrics/astro.prom", "644 workflows/disk-report.yaml", "711 data", "755 ", "755 config",
      "755 data/metrics", "755 workflows",
    ]
    #expect(open.output.lines.sorted() == (readable + submitted).sorted())
  }

  private static let verbs = [["watch"], ["drain"], ["run", "-q", "work.yaml"]]
  @Test(arguments: places.indices)
  func `where others may write what decides what is run, no runner starts, and the cure it names helps`(
    index: Int
  ) throws {
    let (name, mode, who) = places[index]
    let home = try Home()
    try home.write(Workflows.succeeding, to: "work.yaml")
    let path = name.isEmpty ? home.path : "\(home.path)/\(name)"
    try #require(chmod(path, mode) == 0)
    for verb in Self.verbs {
      let ending = try home.start(verb).finish()
      #expect(ending.code == 78)
      #expect(
        ending.errors == """
          astro: \(path): may be written to by \(who), and what is in it decides what astro runs; close it: \
          chmod go-w \(path)

          """)
    }
    #expect(home.names(in: "logs").isEmpty && home.names(in: "data").isEmpty)
    let doctor = try home.astro("doctor")
    #expect(doctor.code == 78)
    #expect(doctor.output.contains("→ close it: chmod go-w \(path)\n"))
    #expect(try home.shell("chmod go-w \(path); \"$0\" drain").code == 0)
  }

  private static let journal = ["astro.sqlite", "astro.sqlite-wal", "astro.sqlite-shm", "journal.lock"]
  @Test(arguments: journal) func `where others may write to the journal, no runner starts`(name: String) throws {
    let home = try Home()
    try home.submit(Workflows.succeeding)
    try home.astro("drain")
    let path = "\(home.path)/data/\(name)"
    if !home.exists("data/\(name)") { try home.write("", to: "data/\(name)") }
    try #require(chmod(path, 0o666) == 0)
    let ending = try home.astro("drain")
    #expect(ending.code == 78)
    #expect(
      ending.errors == """
        astro: \(path): may be written to by every user of this machine, and what is in it decides what astro runs; \
        close it: chmod go-w \(path)

        """)
    #expect(try home.shell("chmod go-w \(path); \"$0\" drain").code == 0)
  }

  /// With the sticky bit nobody can rename `config/` away.
  @Test func `a home in a directory for all, with the sticky bit, is as good as any`() throws {
    let home = try Home()
    try #require(chmod(home.path, 0o1777) == 0)
    #expect(try home.astro("drain").code == 0)
  }

  @Test func `a spool in which all may take each other's files is refused`() throws {
    let home = try Home()
    let spool = home.path + "/spool"
    try #require(chmod(spool, 0o777) == 0)
    let ending = try home.astro("drain")
    #expect(ending.code == 78)
    #expect(
      ending.errors == """
        astro: \(spool): may be written to by every user of this machine, who can take each other's files out of it; \
        close it: chmod 1733 \(spool)

        """)
    #expect(try home.shell("chmod 1733 \(spool); \"$0\" drain").code == 0)
  }

  @Test func `a place in the spool that others may write to is refused`() throws {
    let home = try Home()
    try #require(chmod(home.path + "/spool/done", 0o777) == 0)
    let ending = try home.astro("drain")
    #expect(ending.code == 78)
    let done = home.path + "/spool/done"
    #expect(
      ending.errors.contains(
        "\(done): may be written to by others, who could change what is settled in it; close it: chmod go-w \(done)\n"))
  }

  /// Its owner decides what is run in it, whatever the modes are.
  @Test func `a home that belongs to another user is not started`() throws {
    let (home, account) = (try Home(), try Account())
    try home.submit("tasks: {a: {run: 'echo ran >> \"$ASTRO_HOME/effect\"'}}\n")
    try #require(chown(home.path, account.uid, gid_t.max) == 0)
    let refused = try home.astro("drain")
    #expect(refused.code == 78)
    #expect(
      refused.errors.contains(
        "\(home.path): belongs to \(account.name), who can change what is in it, and so what astro runs; close it: chown "
      ),
      "\(refused)")
    #expect(!home.exists("effect") && home.waiting == ["work.yaml"])
    try #require(chown(home.path, geteuid(), gid_t.max) == 0)
    #expect(try home.astro("drain").code == 0)
  }
}

import Foundation
import Glibc
import Testing

/// `spool/` with mode 1733: others drop files, and that is all they can do (R34, the matrix of who may submit). With real
/// accounts.
@Suite struct DropBoxTests {
  private static let work = "tasks: {a: {run: id -un > \"$ASTRO_RUN_DIR/as\"}}\n"

  private func home() throws -> Home {
    let home = try Home()
    try home.configure(Home.unlimited)
    try home.write(Self.work, to: "work.yaml")
    try #require(chmod(home.path + "/work.yaml", 0o644) == 0 && chmod(home.path + "/spool", 0o1733) == 0)
    return home
  }

  /// What a receipt of each place says of the file of that name.
  private func receipts(_ home: Home) throws -> [String: [String: Any]] {
    var found: [String: [String: Any]] = [:]
    for place in ["done", "failed", "rejected"] {
      for name in home.names(in: "spool/\(place)") where name.hasSuffix(".receipt.json") {
        var receipt = try home.read("spool/\(place)/\(name)").json()
        receipt["place"] = place
        found[receipt["file"] as? String ?? ""] = receipt
      }
    }
    return found
  }

  @Test func `users drop files, and cannot list, read what is settled, or touch those of others`() throws {
    let (home, bob, carol) = (try home(), try Account(), try Account())
    try home.astro("drain")
    #expect(try carol.shell("cp work.yaml spool/carol.yaml", in: home.path).code == 0)
    let may = [
      "cp work.yaml spool/cp.yaml", "rsync work.yaml spool/rsync.yaml",
      "rsync -a --inplace work.yaml spool/inplace.yaml",
      "cat work.yaml > spool/shell.yaml", "install -m 644 work.yaml spool/install.yaml", "rm spool/shell.yaml",
      "cat data/health.json", "cat data/metrics/astro.prom",
    ]
    for action in may {
      let ending = try bob.shell(action, in: home.path)
      #expect(ending.code == 0, "\(action): \(ending.errors)")
    }
    let mayNot = [
      "ls spool", "rm -f spool/carol.yaml", "mv spool/carol.yaml spool/mine.yaml", "mv spool/carol.yaml /tmp/",
      "cp -f work.yaml spool/carol.yaml", "echo >> spool/carol.yaml", "mv -f spool/cp.yaml spool/carol.yaml",
      "truncate -s 0 spool/carol.yaml", "chmod 777 spool/carol.yaml", "chmod 777 spool", "rmdir spool/done",
      "mv spool/done spool/x", "ls spool/done", "ls spool/active", "cp work.yaml spool/active/x.yaml",
      "cp work.yaml spool/done/x.yaml", "cp work.yaml spool/rejected/x.yaml", "ls data", "ls data/runs", "ls logs",
      "cat logs/astro.log", "cat data/astro.sqlite", "echo >> data/health.json", "echo >> config/system_config.yaml",
      "mv config x", "mkdir data/x",
    ]
    for action in mayNot {
      #expect(try bob.shell(action, in: home.path).code != 0, "\(action) succeeded")
    }
    #expect(
      home.names(in: "spool").filter { $0.hasSuffix(".yaml") } == [
        "carol.yaml", "cp.yaml", "inplace.yaml", "install.yaml", "rsync.yaml",
      ])
    #expect(try home.read("spool/carol.yaml") == Self.work)
  }

  @Test func `a runner of root takes the file of another user, and knows whose it is`() throws {
    let (home, bob) = (try home(), try Account())
    #expect(
      try bob.shell("cp work.yaml spool/open.yaml; umask 077; cp work.yaml spool/closed.yaml", in: home.path).code == 0)
    #expect(try bob.shell("ln -s ../config/system_config.yaml spool/link.yaml", in: home.path).code == 0)
    try home.astro("drain")
    let receipts = try receipts(home)
    for name in ["open.yaml", "closed.yaml"] {
      #expect(receipts[name]?["place"] as? String == "done")
      #expect(receipts[name]?["user_id"] as? String == bob.name)
    }
    #expect(receipts["link.yaml"]?["place"] as? String == "rejected")
    #expect(home.waiting.isEmpty)
  }

  /// It may take no lease on the file of another: the file has to rest for two seconds instead.
  @Test func `a runner of nobody special takes what it can read, and says of the rest that it cannot`() throws {
    let (home, service, bob) = (try home(), try Account(), try Account())
    // Where the tests are built others may not look.
    let astro = home.path + "/astro"
    try FileManager.default.copyItem(atPath: home.astro, toPath: astro)
    #expect(try Command("/bin/chown", ["-R", service.name, home.path]).finish().code == 0)
    #expect(
      try bob.shell("cp work.yaml spool/open.yaml; umask 077; cp work.yaml spool/closed.yaml", in: home.path).code == 0)
    #expect(try service.shell("cp work.yaml spool/own.yaml; ./astro drain --home .", in: home.path).code == 0)
    let receipts = try receipts(home)
    #expect(receipts["own.yaml"]?["user_id"] as? String == service.name)
    #expect(receipts["open.yaml"]?["place"] as? String == "done")
    #expect(receipts["open.yaml"]?["user_id"] as? String == bob.name)
    let closed = try #require(receipts["closed.yaml"])
    #expect(closed["place"] as? String == "rejected")
    #expect(closed["user_id"] as? String == bob.name)
    #expect((closed["errors"] as? [[String: Any]])?.first?["code"] as? String == "unreadable")
    // Moved aside as it is, for its owner to ask for.
    let id = try #require(closed["workflow_id"] as? String)
    var status = stat()
    #expect(stat("\(home.path)/spool/rejected/\(id).yaml", &status) == 0)
    #expect(status.st_uid == bob.uid && status.st_mode & 0o777 == 0o600 && Int(status.st_size) == Self.work.utf8.count)
    #expect(home.waiting.isEmpty)
  }

  /// Made before the runner could make its own: what is settled there would be theirs.
  @Test func `a place that another user has made is refused`() throws {
    let (home, bob) = (try home(), try Account())
    try #require(rmdir(home.path + "/spool/done") == 0)
    #expect(try bob.shell("mkdir -m 755 spool/done; cp work.yaml spool/", in: home.path).code == 0)
    let ending = try home.astro("drain")
    #expect(ending.code == 78)
    #expect(
      ending.errors.contains(
        "\(home.path)/spool/done: belongs to \(bob.name), who could change what is settled in it; move it out of the "
          + "spool, astro makes its own\n"))
    #expect(home.waiting == ["work.yaml"])
    #expect(try home.shell("mv spool/done theirs; \"$0\" drain").code == 0)
    #expect(try receipts(home)["work.yaml"]?["user_id"] as? String == bob.name)
  }

  /// Every cell of `user:` in the contract: whose file it is, whom it names, who is trusted.
  @Test func `only root, the runner's own user and trusted users name another`() throws {
    let (home, bob, carol) = (try home(), try Account(), try Account())
    func drop(_ name: String, by owner: uid_t, naming user: String?) throws {
      let text = (user.map { "user: \($0)\n" } ?? "") + Self.work
      try home.write(text, to: ".dropped")
      try #require(chown(home.path + "/.dropped", owner, owner) == 0)
      try #require(rename(home.path + "/.dropped", "\(home.path)/spool/\(name).yaml") == 0)
    }
    for (name, owner) in [("root", 0), ("bob", bob.uid)] {
      try drop("\(name)-nobody", by: owner, naming: nil)
      try drop("\(name)-bob", by: owner, naming: bob.name)
      try drop("\(name)-carol", by: owner, naming: carol.name)
    }
    try home.astro("drain")
    var users = try receipts(home).mapValues { "\($0["place"] ?? "") \($0["user_id"] ?? "")" }
    #expect(
      users == [
        "root-nobody.yaml": "done root", "root-bob.yaml": "done \(bob.name)", "root-carol.yaml": "done \(carol.name)",
        "bob-nobody.yaml": "done \(bob.name)", "bob-bob.yaml": "done \(bob.name)",
        "bob-carol.yaml": "rejected \(bob.name)",
      ])
    try home.configure("\(Home.unlimited)\n  trusted_users: [\(bob.name)]")
    try drop("trusted", by: bob.uid, naming: carol.name)
    try drop("untrusted", by: carol.uid, naming: bob.name)
    try home.astro("drain")
    users = try receipts(home).mapValues { "\($0["place"] ?? "") \($0["user_id"] ?? "")" }
    #expect(users["trusted.yaml"] == "done \(carol.name)")
    #expect(users["untrusted.yaml"] == "rejected \(carol.name)")
  }
}

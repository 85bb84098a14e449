import AstroConfiguration
import AstroCore
import AstroSpool
import Glibc

/// Who but the owner may write where it decides what astro runs, or take what others have dropped into the spool.
struct HomePermissions {
  struct Flaw {
    let path: String
    /// The end of a sentence that begins with the path.
    let message: String
    /// The command that mends it.
    let cure: String

    var failure: Failure { Failure(.configuration, subject: path, message: "\(message); close it: \(cure)") }
  }

  private let home: Home

  init(_ home: Home) { self.home = home }

  /// What keeps a runner from starting. What is not there is no flaw.
  var flaws: [Flaw] {
    var paths = ["\(home.root)/config"]
    paths += ["system_config", "agents", "models"].map { "\(home.root)/config/\($0).yaml" }
    paths += [home.data, home.runs, home.runners, home.data + "/scratch"]
    // Whoever writes to these could have any command run, or hold every runner up.
    paths += ["", "-wal", "-shm"].map { home.journal + $0 } + [home.data + "/journal.lock"]
    // Where they lie elsewhere, as in a directory of node_exporter's, whose that is is no business of ours.
    let records = [home.log, home.metrics, home.health].map { String($0[..<($0.lastIndex(of: "/") ?? $0.startIndex)]) }
      .filter { $0.hasPrefix(home.root + "/") && (Self.mode($0) ?? 0) & 0o1000 == 0 }
    var flaws = ([home.root] + paths + records).compactMap { foreign($0) }
    flaws += (paths + records).compactMap { flaw($0) }
    if let rootFlaw { flaws.insert(rootFlaw, at: 0) }
    if let spoolFlaw { flaws.append(spoolFlaw) }
    return flaws
  }

  private static func mode(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  private func flaw(_ path: String) -> Flaw? {
    guard let mode = Self.mode(path), mode & 0o022 != 0 else { return nil }
    let who = mode & 0o002 != 0 ? "every user of this machine" : "its group"
    return Flaw(
      path: path, message: "may be written to by \(who), and what is in it decides what astro runs",
      cure: "chmod go-w \(ShellWord.quoted(path))")
  }

  /// The owner may write to it, whatever its mode.
  private func foreign(_ path: String) -> Flaw? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_uid != 0, status.st_uid != geteuid() else { return nil }
    var owners = Owners()
    let name = owners.name(of: status.st_uid)
    return Flaw(
      path: path, message: "belongs to \(name), who can change what is in it, and so what astro runs",
      cure: "chown \(geteuid()) \(ShellWord.quoted(path)), or run astro as \(name)")
  }

  /// Whoever may rename `config/` away may put another in its place; the sticky bit keeps them from that.
  private var rootFlaw: Flaw? {
    guard let mode = Self.mode(home.root), mode & 0o1000 == 0 else { return nil }
    return flaw(home.root)
  }

  private var spoolFlaw: Flaw? {
    guard let mode = Self.mode(home.spool), mode & 0o002 != 0, mode & 0o1000 == 0 else { return nil }
    return Flaw(
      path: home.spool,
      message: "may be written to by every user of this machine, who can take each other's files out of it",
      cure: "chmod 1733 \(ShellWord.quoted(home.spool))")
  }
}

import Foundation
import Glibc
import Testing

/// A user of this machine, made for one test and removed with it. Root makes it, and runs things as it.
final class Account {
  let name: String
  let uid: uid_t
  let gid: gid_t
  /// Of a group that it is in beside its first.
  let extraGroup: gid_t

  init() throws {
    name = "at" + UUID().uuidString.prefix(8).lowercased()
    for command in [
      ["groupadd", "\(name)x"],
      [
        "useradd", "--no-create-home", "--home-dir", "/nonexistent/\(name)", "--shell", "/bin/sh", "-G", "\(name)x",
        name,
      ],
    ] {
      let ending = try Command("/usr/bin/env", command).finish()
      try #require(ending.code == 0, "\(ending.errors): run the tests as root")
    }
    let entry = try #require(getpwnam(name)).pointee
    (uid, gid) = (entry.pw_uid, entry.pw_gid)
    extraGroup = try #require(getgrnam("\(name)x")).pointee.gr_gid
  }

  deinit {
    _ = try? Command("/usr/sbin/userdel", [name]).finish()
    _ = try? Command("/usr/sbin/groupdel", ["\(name)x"]).finish()
  }

  /// Runs a script for sh(1) as this user, with its groups and no others.
  func shell(_ script: String, in directory: String, _ arguments: [String] = []) throws -> Command.Ending {
    try Command(
      "/usr/bin/setpriv",
      ["--reuid", name, "--regid", name, "--init-groups", "/bin/sh", "-c", script, "sh"] + arguments, in: directory,
      environment: ["HOME": "/nonexistent", "USER": name]
    ).finish()
  }
}

import Foundation
import Glibc
import Testing

/// A user of this machine, made for one test and removed with it. Root makes it, and runs things as it.
final class Account {
  let name: String
  let id: uid_t

  init() throws {
    name = "at" + UUID().uuidString.prefix(8).lowercased()
    let ending = try Command("/usr/sbin/useradd", ["--no-create-home", "--shell", "/bin/sh", name]).finish()
    try #require(ending.code == 0, "\(ending.errors): run the tests as root")
    id = try #require(getpwnam(name)).pointee.pw_uid
  }

  deinit { _ = try? Command("/usr/sbin/userdel", [name]).finish() }

  /// Runs a script for sh(1) as this user, with its groups and no others.
  func shell(_ script: String, in directory: String, _ arguments: [String] = []) throws -> Command.Ending {
    try Command(
      "/usr/bin/setpriv",
      ["--reuid", name, "--regid", name, "--init-groups", "/bin/sh", "-c", script, "sh"] + arguments, in: directory,
      environment: ["HOME": "/nonexistent", "USER": name]
    ).finish()
  }
}

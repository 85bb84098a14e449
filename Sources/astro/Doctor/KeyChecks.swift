import AstroConfiguration
import AstroCore
import Glibc

/// Whether the keys are there that the configuration only names.
struct KeyChecks {
  let uses: [Configuration.SecretUse]
  let home: String
  /// That of the doctor, which need not be the runner's.
  let environment: [String: String]

  func findings() -> [Finding] {
    guard !uses.isEmpty else { return [] }
    let missing = uses.compactMap(finding)
    return missing.isEmpty ? [.ok("keys", "the configuration names \(uses.count), and all are there")] : missing
  }

  /// Whose keys are not there, or may not be used: asking with them tells nothing new.
  var withoutKeys: [String] { uses.filter { finding($0) != nil }.map(\.user) }

  private func finding(_ use: Configuration.SecretUse) -> Finding? {
    switch use.source {
    case .environment(let name):
      guard environment[name, default: ""].isEmpty else { return nil }
      return .warning(
        "keys", "\(use.user): the variable \(name) is not set here",
        "set it where the runner is started (its unit, its crontab), or keep the key in a file: {file: path}")
    case .file(let name):
      let path = name.hasPrefix("/") ? name : "\(home)/\(name)"
      var status = stat()
      guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
        return .warning(
          "keys", "\(use.user): \(path): \(String(cString: strerror(errno)))",
          "write the key into it: only its owner may read it, chmod 600")
      }
      guard status.st_mode & 0o077 != 0 else { return nil }
      return .warning(
        "keys", "\(use.user): \(path): others than its owner may read or write it",
        "chmod 600 \(ShellWord.quoted(path))")
    }
  }
}

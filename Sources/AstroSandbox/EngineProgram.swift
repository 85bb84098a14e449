import AstroCore
import Glibc

/// The program of an engine, as it is installed.
struct EngineProgram {
  let engine: SandboxRules.Engine
  /// `nil` when it is not there.
  let path: String?

  /// - Parameter environment: whose `PATH` it is looked up in, and then where packages put it.
  init(_ engine: SandboxRules.Engine, environment: [String: String]) {
    self.engine = engine
    let folders = (environment["PATH"] ?? "").split(separator: ":").map { String($0) } + ["/usr/bin", "/usr/local/bin"]
    var path: String?
    for folder in folders where folder.hasPrefix("/") && path == nil {
      let candidate = "\(folder)/\(Self.name(of: engine))"
      var status = stat()
      if access(candidate, X_OK) == 0, stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
        path = candidate
      }
    }
    self.path = path
  }

  private static func name(of engine: SandboxRules.Engine) -> String {
    switch engine {
    case .podman: "podman"
    case .docker: "docker"
    case .bubblewrap: "bwrap"
    }
  }

  /// What changes when another version is installed.
  var identity: String {
    var status = stat()
    guard let path, stat(path, &status) == 0 else { return "\(engine.rawValue)=none" }
    return "\(engine.rawValue)=\(path),\(status.st_dev),\(status.st_ino),\(status.st_size),\(status.st_mtim.tv_sec)"
  }
}

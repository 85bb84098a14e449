public import AstroCore
import Glibc

/// One home and where everything in it lies. Paths only.
public struct Home: Sendable {
  public let root: String
  public let spool: String
  public let data: String
  public let log: String
  public let metrics: String
  public let health: String

  public init(root: String, system: SystemConfiguration) {
    self.root = root
    let under = { (path: String) in path.hasPrefix("/") ? path : "\(root)/\(path)" }
    spool = under(system.spoolDirectory)
    data = under(system.dataDirectory)
    log = under(system.logFile)
    metrics = under(system.metricsFile)
    health = under(system.healthFile)
  }

  /// The permissions of ``data``: others may pass through to the metrics and the health in it, and see nothing else.
  public static let dataMode: UInt32 = 0o711
  public var journal: String { data + "/astro.sqlite" }
  public var runners: String { data + "/runners" }
  public var runs: String { data + "/runs" }

  /// The file that makes a directory a home.
  public static let mark = "config/system_config.yaml"

  /// `--home`, else `ASTRO_HOME`, else the nearest parent of the working directory that holds ``mark``. Absolute.
  public static func locate(
    flag: String?, environment: [String: String], workingDirectory: String
  ) throws(Failure) -> String {
    // What `--home "$UNSET"` comes to: not meant to be whatever home is near.
    if flag == "" { throw Failure(.usage, subject: "--home", message: "is empty; name a directory") }
    if let given = flag ?? environment["ASTRO_HOME"], !given.isEmpty {
      let path = given.hasPrefix("/") ? given : "\(workingDirectory)/\(given)"
      guard access("\(path)/\(mark)", F_OK) == 0 else {
        throw Failure(
          .configuration, subject: given,
          message: "is not a home: there is no \(mark) in it; make one with: astro init \(given)")
      }
      return path
    }
    var path = workingDirectory
    while true {
      if access("\(path)/\(mark)", F_OK) == 0 { return path.isEmpty ? "/" : path }
      guard let slash = path.lastIndex(of: "/"), !path.isEmpty else { break }
      path = String(path[..<slash])
    }
    throw Failure(
      .configuration, subject: workingDirectory,
      message: "neither it nor a parent is a home; make one with: astro init, or name one with --home or ASTRO_HOME")
  }
}

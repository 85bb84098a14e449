import AstroCore

/// What a sandbox is made with, and what code in it may use.
public struct SandboxRules: Sendable, Equatable {
  /// What can make one, in the order in which they are tried.
  public enum Engine: String, Sendable, CaseIterable { case podman, docker, bubblewrap }

  /// The only one to be used; `nil` is the first that passes its trial.
  public var engine: Engine?
  /// What podman and docker run.
  public var image: String
  /// The machine's own network, instead of none at all.
  public var sharesNetwork = false
  /// In bytes.
  public var memory: Int64
  /// Processes and threads.
  public var processes: Int
  /// Processors: so many seconds of their time in each second.
  public var cpus: Double?
  /// Each of its working directory, `/tmp` and `/dev/shm`, in bytes.
  public var temporarySize: Int64
  /// Of one process.
  public var openFiles: Int

  public init(
    engine: Engine? = nil, image: String = "", memory: Int64 = 512 << 20, processes: Int = 128,
    temporarySize: Int64 = 64 << 20, openFiles: Int = 1024
  ) {
    self.engine = engine
    self.image = image
    self.memory = memory
    self.processes = processes
    self.temporarySize = temporarySize
    self.openFiles = openFiles
  }

  /// The engines that may be used, in order.
  var candidates: [Engine] { engine.map { [$0] } ?? Engine.allCases }

  var json: JSONValue {
    var members: [String: JSONValue] = [
      "image": .string(image), "shares_network": .bool(sharesNetwork), "memory": .integer(memory),
      "processes": .integer(Int64(processes)), "temporary_size": .integer(temporarySize),
      "open_files": .integer(Int64(openFiles)),
    ]
    members["engine"] = engine.map { .string($0.rawValue) }
    members["cpus"] = cpus.map { .number($0) }
    return .map(members)
  }

  init?(_ json: JSONValue) {
    guard let image = json["image"]?.string, let shares = json["shares_network"], let memory = json["memory"]?.integer,
      let processes = json["processes"]?.integer, let size = json["temporary_size"]?.integer,
      let files = json["open_files"]?.integer
    else { return nil }
    self.init(
      engine: json["engine"]?.string.flatMap(Engine.init(rawValue:)), image: image, memory: memory,
      processes: Int(processes), temporarySize: size, openFiles: Int(files))
    sharesNetwork = shares == .bool(true)
    cpus = json["cpus"]?.number
  }
}

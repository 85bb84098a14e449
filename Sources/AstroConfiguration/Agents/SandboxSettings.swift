/// An agent of type code: what its code runs in, and may use.
public struct SandboxSettings: Sendable, Equatable {
  public enum Engine: String, Sendable, CaseIterable {
    /// The first that passes its self-test.
    case auto
    case podman, docker, bubblewrap
  }

  public enum Network: String, Sendable, CaseIterable {
    case none
    /// The machine's own.
    case host
  }

  public var engine = Engine.auto
  /// What podman and docker run; bubblewrap uses the machine's own programs.
  public var image = "docker.io/library/python:3.12-slim"
  public var network = Network.none
  /// In bytes.
  public var memory: Int64 = 512 << 20
  /// Processes and threads.
  public var processes = 128
  /// Processors: so many seconds of their time in each second. `nil` is no limit.
  public var cpus: Double?
  /// What it may write outside of its working directory, in bytes.
  public var temporarySize: Int64 = 64 << 20
  /// What podman reads as its CONTAINERS_CONF; relative paths begin at the home. `nil` is as the runner has it.
  public var containersConfiguration: String?
  /// Open files of one process.
  public var openFiles = 1024

  public init() {}
}

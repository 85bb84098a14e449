import Glibc

/// What control groups a runner started from here would have: made, looked at, and removed again.
public struct ControlGroupTrial: Sendable {
  public enum Means: Sendable, Equatable {
    /// Groups of this version of cgroups(7), 1 or 2.
    case groups(version: Int)
    case none
  }

  /// By what the processes that an attempt leaves are found.
  public let sweep: Means
  public let memory: Means
  public let cpus: Means
  public let processes: Means
  /// The directory that the groups lie in.
  public let directory: String?
  /// The kernel's words where there is none.
  public let refusal: String

  public static func make() -> ControlGroupTrial {
    let name = "astro-doctor-\(getpid())"
    let places = ControlGroupPlaces.ofThisProcess()
    let base = ControlGroupBase.make(name, places)
    let refusal = kernelWords(errno)
    defer { for path in ControlGroupBase.candidates(name, places) { ControlGroup.remove(path, killing: false) } }
    func means(_ controller: String) -> Means {
      guard let base else { return .none }
      if base.controllers.contains(controller) { return .groups(version: 2) }
      guard let legacy = places.legacy[controller] else { return .none }
      return ControlGroupBase.makeDirectory("\(legacy)/\(name)") ? .groups(version: 1) : .none
    }
    return ControlGroupTrial(
      sweep: base.map { .groups(version: $0.layout == .unified ? 2 : 1) } ?? .none, memory: means("memory"),
      cpus: means("cpu"), processes: means("pids"),
      directory: base.map { String($0.path.dropLast(name.utf8.count + 1)) }, refusal: refusal)
  }
}

import CLinux
import Glibc

/// The group that holds those of one runner, in the hierarchy by which they are swept.
struct ControlGroupBase {
  let path: String
  let layout: ControlGroup.Layout
  /// Of version 2: what the groups below it can limit.
  let controllers: Set<String>

  /// What attempts may be held to.
  static let wanted: Set<String> = ["cpu", "memory", "pids"]

  /// All directories that a base of that name may be made at.
  static func candidates(_ name: String, _ places: ControlGroupPlaces) -> [String] {
    (unified(places) + places.legacy.filter { isUsed($0.key) }.map(\.value).sorted())
      .map { "\($0)/\(name)" }
  }

  /// The parent's first, where it has been left to us: all others are their makers' business. Not where we are a task of
  /// another runner: that one's groups shall hold all that we start.
  private static func unified(_ places: ControlGroupPlaces) -> [String] {
    let parent = places.parent.flatMap { clinux_is_delegated($0) != 0 ? $0 : nil }
    let isTask = parent?.split(separator: "/").last?.hasPrefix("astro-") == true
    return [isTask ? nil : parent, places.unified].compactMap { $0 }
  }

  private static func isUsed(_ controller: String) -> Bool { wanted.contains(controller) || controller == "freezer" }

  /// Makes it. First beside our own group, because a group with processes in it cannot give controllers to groups below it
  /// (cgroups(7), "no internal processes"); below our own where that gives none or is not ours to write to. Version 1
  /// only where there is no version 2.
  /// - Returns: nil, with `errno` set, when there is none to be made.
  static func make(_ name: String, _ places: ControlGroupPlaces) -> ControlGroupBase? {
    errno = ENOENT
    if let own = places.unified {
      for directory in unified(places) {
        let path = "\(directory)/\(name)"
        guard makeDirectory(path) else { continue }
        let controllers = enable(in: directory).intersection(enable(in: path))
        if !controllers.isEmpty || directory == own {
          return ControlGroupBase(path: path, layout: .unified, controllers: controllers)
        }
        rmdir(path)
      }
      return nil
    }
    guard let path = places.legacy["freezer"].map({ "\($0)/\(name)" }), makeDirectory(path) else { return nil }
    return ControlGroupBase(path: path, layout: .freezer, controllers: [])
  }

  static func makeDirectory(_ path: String) -> Bool { mkdir(path, 0o755) == 0 || errno == EEXIST }

  /// Gives the controllers that are wanted and there are to the groups below a directory.
  private static func enable(in directory: String) -> Set<String> {
    for controller in wanted { ControlFile.write("+\(controller)", to: directory + "/cgroup.subtree_control") }
    let given = ControlFile.read(directory + "/cgroup.subtree_control") ?? ""
    return wanted.intersection(given.split { $0 == " " || $0 == "\n" }.map { String($0) })
  }
}

import Glibc

/// Where this process stands in the hierarchies of cgroups(7), as directories.
struct ControlGroupPlaces: Equatable {
  /// Its group of version 2, also beside version 1 and without controllers.
  var unified: String?
  /// The group that holds that one; `nil` when it is the root of what is mounted.
  var parent: String?
  /// Its groups of version 1, by controller.
  var legacy: [String: String] = [:]

  static func ofThisProcess() -> ControlGroupPlaces {
    func text(_ path: String) -> String {
      String(decoding: Descriptor(opening: path, O_RDONLY)?.readAll() ?? [], as: UTF8.self)
    }
    return ControlGroupPlaces(groups: text("/proc/self/cgroup"), mounts: text("/proc/self/mountinfo"))
  }

  /// - Parameters:
  ///   - groups: lines `number:controllers:path`; the number of version 2 is 0.
  ///   - mounts: as in proc_pid_mountinfo(5). Of two mounts of one hierarchy the later lies on top.
  init(groups: String, mounts: String) {
    var paths: [String: String] = [:]
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
        paths[String(controller)] = String(fields[2])
      }
    }
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { continue }
      let (root, point) = (fields[3], fields[4])
      switch fields[dash + 1] {
      case "cgroup2":
        guard let path = paths[""].flatMap({ Self.directory($0, below: root, at: point) }) else { continue }
        unified = path
        parent = path == point ? nil : String(path[..<path.lastIndex(of: "/")!])
      case "cgroup":
        for option in fields[dash + 3].split(separator: ",") {
          let path = paths[String(option)].flatMap { Self.directory($0, below: root, at: point) }
          if let path { legacy[String(option)] = path }
        }
      default: continue
      }
    }
  }

  /// `nil` for a group that lies outside of what is mounted there.
  private static func directory(_ path: String, below root: Substring, at point: Substring) -> String? {
    if root == "/" { return path == "/" ? String(point) : "\(point)\(path)" }
    if path == root { return String(point) }
    return path.hasPrefix("\(root)/") ? "\(point)\(path.dropFirst(root.count))" : nil
  }
}

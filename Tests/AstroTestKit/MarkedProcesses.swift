import Foundation

/// The processes of one test, by a variable in their environment that no other has.
public enum MarkedProcesses {
  /// Living ones that carry `variable`, the whole `NAME=value`. What has ended has no environment, reaped or not.
  public static func carrying(_ variable: String) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { pid in
      let variables = FileManager.default.contents(atPath: "/proc/\(pid)/environ")?.split(separator: 0) ?? []
      return variables.contains { $0.elementsEqual(variable.utf8) }
    }
  }
}

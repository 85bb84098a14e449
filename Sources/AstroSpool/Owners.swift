import Glibc

/// User names by number, asked once each: the name service reads a file or the network.
public struct Owners {
  private var names: [UInt32: String] = [:]

  public init() {}

  /// The name of user `id`, or the number as text where the system knows none, or cannot tell now.
  public mutating func name(of id: UInt32) -> String { answer(for: id) ?? String(id) }

  /// The same; `nil` where the name service cannot tell now, for want of a descriptor or of its server.
  mutating func answer(for id: UInt32) -> String? {
    if let known = names[id] { return known }
    switch Self.lookUp(id) {
    case .name(let name): names[id] = name
    case .none: names[id] = String(id)
    case .unavailable: return nil
    }
    return names[id]
  }

  private enum Entry {
    case name(String)
    case none
    case unavailable
  }

  /// getpwuid_r(3), whose manual has these errors for an entry that there is not.
  private static func lookUp(_ id: UInt32) -> Entry {
    var capacity = 1024
    while capacity <= 1 << 20 {
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      var name: String?
      let problem = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer -> Int32 in
        guard let start = buffer.baseAddress else { return ENOMEM }
        let result = getpwuid_r(id, &entry, start, buffer.count, &found)
        // Copied here: the entry points into the buffer.
        if result == 0, let text = found?.pointee.pw_name { name = String(cString: text) }
        return result
      }
      if let name { return .name(name) }
      if [0, ENOENT, ESRCH, EBADF, EPERM].contains(problem) { return .none }
      guard problem == ERANGE else { return .unavailable }
      capacity *= 4
    }
    return .unavailable
  }
}

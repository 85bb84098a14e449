import Glibc

/// User names by number, asked once each: the name service reads a file or the network.
public struct Owners {
  private var names: [UInt32: String] = [:]

  public init() {}

  /// The name of user `id`, or the number as text where the system knows none (getpwuid_r(3)).
  public mutating func name(of id: UInt32) -> String {
    if let known = names[id] { return known }
    let name = Self.lookUp(id) ?? String(id)
    names[id] = name
    return name
  }

  private static func lookUp(_ id: UInt32) -> String? {
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
      guard problem == ERANGE else { return name }
      capacity *= 4
    }
    return nil
  }
}

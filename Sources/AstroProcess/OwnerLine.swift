import AstroCore

/// One line that says who holds a lock: `1 <pid> <start time> <boot id>`. The number is the format's.
struct OwnerLine {
  let identity: ProcessIdentity

  init(_ identity: ProcessIdentity) { self.identity = identity }

  init?(parsing text: String) {
    let fields = text.split(separator: "\n").first?.split(separator: " ") ?? []
    guard fields.count == 4, fields[0] == "1", let pid = Int32(fields[1]), let start = UInt64(fields[2]) else {
      return nil
    }
    identity = ProcessIdentity(pid: pid, startTime: start, bootID: String(fields[3]))
  }

  var text: String { "1 \(identity.pid) \(identity.startTime) \(identity.bootID)\n" }
}

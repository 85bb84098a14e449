import AstroCore
import AstroProcess
import Glibc

/// Whom commands run as: with a runner that is root, the owner of their file; with any other, the runner's own user.
struct Accounts {
  /// A user of this machine.
  struct Account: Equatable {
    var numbers: Confinement.UserNumbers
    var home: String
  }

  enum Answer: Equatable {
    /// The runner's own user: nothing changes.
    case own
    case other(Account)
    /// There is none to run as; why, in one sentence.
    case none(String)
  }

  private let isRoot = geteuid() == 0
  private var known: [String: Answer] = [:]

  /// - Parameter user: a name, as ``Owners`` of the spool tells it. Asks the name service, once for each.
  mutating func answer(for user: String) -> Answer {
    guard isRoot else { return .own }
    if let answer = known[user] { return answer }
    let answer = Self.lookUp(user)
    known[user] = answer
    return answer
  }

  /// getpwnam_r(3), and getgrouplist(3) for its groups. The superuser has one name here: another one with the number 0 would
  /// make root of whoever may be named.
  private static func lookUp(_ user: String) -> Answer {
    // Name services make paths of names.
    guard let first = user.utf8.first, first != UInt8(ascii: "."), !user.utf8.contains(UInt8(ascii: "/")) else {
      return .none("user '\(user)' has no account on this machine")
    }
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let problem = getpwnam_r(user, &entry, &buffer, buffer.count, &found)
    guard problem == 0 else {
      return .none("user '\(user)' cannot be looked up: \(String(cString: strerror(problem)))")
    }
    guard found != nil else { return .none("user '\(user)' has no account on this machine") }
    if entry.pw_uid == 0 { return user == "root" ? .own : .none("user '\(user)' is another name of root") }
    let groups = groups(of: user, with: entry.pw_gid)
    return .other(
      Account(
        numbers: .init(uid: entry.pw_uid, gid: entry.pw_gid, groups: groups), home: String(cString: entry.pw_dir)))
  }

  private static func groups(of user: String, with group: gid_t) -> [UInt32] {
    var count: Int32 = 64
    while true {
      var groups = [gid_t](repeating: 0, count: Int(count))
      let room = count
      if getgrouplist(user, group, &groups, &count) >= 0 { return Array(groups.prefix(Int(count))) }
      count = max(count, room * 2)
    }
  }
}

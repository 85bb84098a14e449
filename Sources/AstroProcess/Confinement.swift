/// What a command may do and take, when it is not simply one of the runner's: whom it runs as, and how much it may use.
public struct Confinement: Sendable, Equatable {
  /// The user it becomes, for good and without capabilities; `nil` is the runner's own.
  public var user: UserNumbers?
  /// Bytes.
  public var memory: Int64?
  /// Processors' time in a second of time.
  public var cpus: Double?
  /// Processes and threads at a time.
  public var processes: Int?
  /// What no group can hold it to is left to it: it limits itself, or what it starts.
  public var isOfGroupsOnly = false

  var isLimited: Bool { memory != nil || cpus != nil || processes != nil }

  /// What setgroups(2), setresgid(2) and setresuid(2) are given.
  public struct UserNumbers: Sendable, Equatable {
    public var uid: UInt32
    public var gid: UInt32
    public var groups: [UInt32]

    public init(uid: UInt32, gid: UInt32, groups: [UInt32]) {
      self.uid = uid
      self.gid = gid
      self.groups = groups
    }
  }

  /// The command is one of the runner's own.
  public init() {}

  /// As the runner tells it to its warden: words with one space between; nothing where nothing is asked.
  var text: String {
    var words: [String] = []
    if let user {
      words.append("user=" + ([user.uid, user.gid] + user.groups).map { String($0) }.joined(separator: ","))
    }
    if let memory { words.append("memory=\(memory)") }
    if let cpus { words.append("cpus=\(cpus)") }
    if let processes { words.append("processes=\(processes)") }
    if isOfGroupsOnly { words.append("limiter=groups") }
    return words.joined(separator: " ")
  }

  /// `nil` for anything that ``text`` could not have said: what a confinement means must never be guessed.
  init?(parsing text: String) {
    for word in text.split(separator: " ", omittingEmptySubsequences: false) where !text.isEmpty {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      switch parts[0] {
      case "user":
        let fields = parts[1].split(separator: ",", omittingEmptySubsequences: false)
        let numbers = fields.compactMap { UInt32($0) }
        guard numbers.count == fields.count, numbers.count >= 2 else { return nil }
        user = UserNumbers(uid: numbers[0], gid: numbers[1], groups: Array(numbers[2...]))
      case "limiter":
        isOfGroupsOnly = parts[1] == "groups"
      case "memory":
        guard let bytes = Int64(parts[1]), bytes > 0 else { return nil }
        memory = bytes
      case "cpus":
        guard let share = Double(parts[1]), share > 0, share.isFinite else { return nil }
        cpus = share
      case "processes":
        guard let count = Int(parts[1]), count > 0 else { return nil }
        processes = count
      default: return nil
      }
    }
    guard self.text == text else { return nil }
  }
}

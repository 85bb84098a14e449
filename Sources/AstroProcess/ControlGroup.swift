import Glibc

/// The control group of one attempt (cgroups(7)). No process leaves it by fork(2), setsid(2) or by what it drops from its
/// environment, so that everything an attempt has left is found in it.
final class ControlGroup {
  enum Layout: Sendable, Equatable {
    case unified
    /// Version 1, in the hierarchy of the freezer.
    case freezer
  }

  /// Its directory.
  let path: String
  let layout: Layout
  /// What the attempt is held to, and where by groups of version 1: groups of that attempt only.
  let limits: ControlGroupLimits?
  private let directory: Descriptor
  /// Counts the peak anew for each attempt; nil where the kernel keeps none that can be begun anew.
  private let peak: Descriptor?
  private var countsPeak = false
  /// `cgroup.procs` of the groups of version 1 to be joined at the start.
  let joined: [Int32]

  /// nil, with `errno` set, when it cannot be opened.
  init?(at path: String, _ layout: Layout, limits: ControlGroupLimits? = nil) {
    guard let directory = Descriptor(opening: path, O_RDONLY | O_DIRECTORY) else { return nil }
    self.path = path
    self.layout = layout
    self.limits = limits
    self.directory = directory
    peak = Descriptor(opening: path + "/memory.peak", O_RDWR)
    joined =
      (layout == .freezer ? [path] : []).compactMap(Self.entrance)
      + (limits?.directories ?? []).compactMap(Self.entrance)
  }

  private static func entrance(_ directory: String) -> Int32? {
    let number = open(directory + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
    return number >= 0 ? number : nil
  }

  deinit { for number in joined { close(number) } }

  /// The directory that a command is born in (clone3(2), CLONE_INTO_CGROUP); -1 in version 1, which is joined.
  var birthplace: Int32 { layout == .unified ? directory.number : -1 }

  /// Whether no process is in it, and no group that an attempt has made in it. Processes that have ended do not count, though
  /// they be unreaped.
  var isEmpty: Bool {
    let members = openat(directory.number, "cgroup.procs", O_RDONLY | O_CLOEXEC)
    guard members >= 0 else { return false }
    defer { close(members) }
    var byte: UInt8 = 0
    var status = stat()
    return read(members, &byte, 1) == 0 && fstat(directory.number, &status) == 0 && status.st_nlink <= 2
  }

  /// Lets the peak count from here on, by this descriptor (Linux 6.12).
  func begin() {
    switch peak {
    case .some(let peak): countsPeak = ControlFile.write("0\n", to: peak)
    case .none: break
    }
  }

  /// The most memory the attempt has held, in KiB, page cache included; nil where nothing counts it for this attempt alone.
  var peakKiB: Int64? {
    if let limits { return limits.peakKiB }
    switch peak {
    case .some(let peak) where countsPeak:
      var digits = [UInt8](repeating: 0, count: 32)
      let count = pread(peak.number, &digits, digits.count, 0)
      return Int64(String(decoding: digits[..<max(0, count)].prefix { $0 != 0x0A }, as: UTF8.self)).map { $0 >> 10 }
    case .some: return nil
    case .none: return nil
    }
  }

  func kill() {
    liftProcessors()
    Self.kill(at: path)
  }

  /// Lets what is to die have all processors: with a small share of them that takes a long time.
  func liftProcessors() { limits?.liftProcessors(of: path) }

  /// The processes in the group of that path and in those below it; none when it is gone.
  static func members(at path: String) -> [Int32] {
    let own = (ControlFile.read(path + "/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
    return own.filter { $0 > 1 } + groups(in: path).flatMap { members(at: $0) }
  }

  private static func groups(in path: String) -> [String] {
    var status = stat()
    guard stat(path, &status) == 0, status.st_nlink > 2 else { return [] }
    return Listing.readable(in: path).map { "\(path)/\($0)" }.filter { access($0 + "/cgroup.procs", F_OK) == 0 }
  }

  /// Removes the group of that path and those below it; with `killing`, after what is in them.
  /// - Returns: whether it is gone. A process takes a moment to die, and as long its group stays.
  @discardableResult
  static func remove(_ path: String, killing: Bool) -> Bool {
    if rmdir(path) == 0 || errno == ENOENT { return true }
    if killing, !members(at: path).isEmpty { kill(at: path) }
    for group in groups(in: path) { remove(group, killing: false) }
    return rmdir(path) == 0
  }

  /// Kills all that is in it: at one blow where the kernel can (Linux 5.14), else frozen first, so that nothing is born
  /// meanwhile.
  static func kill(at path: String) {
    if ControlFile.write("1", to: path + "/cgroup.kill") { return }
    let (freezer, frozen, thawed) =
      access(path + "/freezer.state", F_OK) == 0
      ? ("freezer.state", "FROZEN", "THAWED") : ("cgroup.freeze", "1", "0")
    ControlFile.write(frozen, to: "\(path)/\(freezer)")
    for _ in 0..<50 where freezer == "freezer.state" && ControlFile.read("\(path)/\(freezer)") != "FROZEN\n" {
      poll(nil, 0, 1)  // Whoever is in a system call freezes at its end; nothing tells when.
    }
    for pid in members(at: path) { Glibc.kill(pid, SIGKILL) }
    ControlFile.write(thawed, to: "\(path)/\(freezer)")
  }
}

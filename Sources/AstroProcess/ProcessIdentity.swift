import CLinux
import Glibc

/// One process for good: a pid alone is reused within seconds on a busy machine, but not together with the start time
/// in the same boot.
public struct ProcessIdentity: Hashable, Sendable {
  public let pid: Int32
  /// Field 22 of /proc/pid/stat: clock ticks after boot (proc_pid_stat(5)).
  public let startTime: UInt64
  /// /proc/sys/kernel/random/boot_id.
  public let bootID: String

  public init(pid: Int32, startTime: UInt64, bootID: String) {
    self.pid = pid
    self.startTime = startTime
    self.bootID = bootID
  }

  /// The calling process; nil when /proc is not mounted.
  public static func current() -> ProcessIdentity? {
    guard let status = ProcessStatus(pid: getpid()), let boot = currentBootID() else { return nil }
    return ProcessIdentity(pid: getpid(), startTime: status.startTime, bootID: boot)
  }

  /// When it started, in microseconds of CLOCK_BOOTTIME, to the hundredth of a second (proc_pid_stat(5), `starttime`).
  public var startedBoot: Int64 { Int64(startTime) * 1_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK))) }

  /// Whether exactly this process still exists. A zombie does: its number is still its own.
  public var exists: Bool { status != nil }

  /// What /proc says of exactly this process; nil when it is gone or its number belongs to another.
  var status: ProcessStatus? {
    guard pid > 1, Self.currentBootID() == bootID, let status = ProcessStatus(pid: pid), status.startTime == startTime
    else { return nil }
    return status
  }

  /// The identifier of this boot; nil when /proc is not mounted.
  public static func currentBootID() -> String? {
    guard let bytes = Descriptor(opening: "/proc/sys/kernel/random/boot_id", O_RDONLY)?.readAll() else { return nil }
    let text = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    return text.isEmpty ? nil : text
  }
}

/// The fields of /proc/pid/stat that tell processes and groups apart (proc_pid_stat(5)).
struct ProcessStatus: Equatable {
  let isZombie: Bool
  /// By a signal or a tracer.
  let isStopped: Bool
  /// It has ended or is about to: nothing of its program runs any more.
  let isEnding: Bool
  let parent: Int32
  let group: Int32
  let startTime: UInt64

  let isKernelThread: Bool

  /// PF_EXITING and PF_KTHREAD of linux/sched.h.
  private static let exiting: UInt32 = 4
  private static let kernelThread: UInt32 = 0x20_0000

  /// nil when there is no such process.
  init?(pid: Int32) {
    guard let bytes = Descriptor(opening: "/proc/\(pid)/stat", O_RDONLY)?.readAll() else { return nil }
    self.init(parsing: bytes)
  }

  /// The start time of a child just spawned and not reaped, from the two readings of the boot clock around its spawn:
  /// nearly always both fall into one clock tick, and /proc, which takes ten times as long, need not be asked.
  /// - Parameter before: CLOCK_BOOTTIME in microseconds before the spawn.
  static func startTime(of pid: Int32, spawnedSince before: Int64) -> UInt64 {
    let after = clinux_boot_microseconds()
    if before / microsecondsPerTick == after / microsecondsPerTick { return UInt64(before / microsecondsPerTick) }
    return ProcessStatus(pid: pid)?.startTime ?? 0
  }

  /// sysconf(3) `_SC_CLK_TCK` is 100 on every Linux that Swift runs on; asked all the same.
  private static let microsecondsPerTick = Int64(1_000_000 / max(1, sysconf(Int32(_SC_CLK_TCK))))

  /// The name in parentheses may hold anything, even `)`, so fields count from the last one.
  init?(parsing bytes: [UInt8]) {
    guard let name = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = bytes[(name + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count >= 20, let state = fields[0].first,
      let parent = Int32(String(decoding: fields[1], as: UTF8.self)),
      let group = Int32(String(decoding: fields[2], as: UTF8.self)),
      let flags = UInt32(String(decoding: fields[6], as: UTF8.self)),
      let startTime = UInt64(String(decoding: fields[19], as: UTF8.self))
    else { return nil }
    self.isZombie = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
    self.isStopped = state == UInt8(ascii: "T") || state == UInt8(ascii: "t")
    self.isEnding = isZombie || flags & Self.exiting != 0
    self.isKernelThread = flags & Self.kernelThread != 0
    self.parent = parent
    self.group = group
    self.startTime = startTime
  }
}

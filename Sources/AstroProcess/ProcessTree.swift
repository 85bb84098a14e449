public import AstroCore
import CLinux
import Glibc

/// What an attempt may have left running after its warden was killed.
public enum ProcessTree {
  public enum Death: Sendable, Equatable {
    /// No process of the attempt is left: it may be tried again.
    case proved
    /// These do not die, as in uninterruptible input or output: nothing may run beside them.
    case survivors([Int32])
    /// Nobody could look, for want of descriptors or memory; the kernel's words.
    case unproved(String)
  }

  /// Kills what is in the control group of a lost command, its process group, and every process group in which somebody carries the attempt in its
  /// environment (`ASTRO_HOME`, `ASTRO_WORKFLOW_ID`, `ASTRO_TASK_ID`, `ASTRO_ATTEMPT`), again and again until /proc shows none or
  /// `patience` is over. `identity` is signalled only while pid, start time and boot all match; without one, or with
  /// one of an earlier boot, only the environment tells. Without a control group a process that dropped those variables and left
  /// the process group cannot be found.
  /// - Parameter home: what its `ASTRO_HOME` was. The same attempt of a copied home is somebody else.
  public static func kill(
    _ key: AttemptKey, home: String, identity: ProcessIdentity?, group: String? = nil, patience: Duration = .seconds(5)
  ) -> Death {
    let deadline = clinux_boot_microseconds() + patience.microseconds
    let markers = Set(environmentMarkers(of: key, home: home).map { Array($0.utf8) })
    while true {
      if let group, !ControlGroup.members(at: group).isEmpty { ControlGroup.kill(at: group) }
      guard let found = members(markers, identity, group) else {
        let number = errno
        guard clinux_boot_microseconds() < deadline else { return .unproved(kernelWords(number)) }
        poll(nil, 0, 5)  // Others give descriptors back, or are through with execve(2); nothing tells when.
        continue
      }
      if found.isEmpty { return .proved }
      let watched = found.compactMap { Watched($0.pid) }
      for group in Set(found.map(\.group)) where group > 1 && group != getpgrp() { Glibc.kill(-group, SIGKILL) }
      // And each one itself: since it was looked at it may have moved to a group of its own (setsid(2)).
      for process in watched where isMember(process.pid, markers, identity, group) { process.kill() }
      let left = deadline - clinux_boot_microseconds()
      guard left > 0 else { return .survivors(found.map(\.pid).sorted()) }
      // Not all of the patience: one in the middle of execve(2) could not be recognised, and was not signalled.
      for process in watched { process.waitForEnd(atMostMicroseconds: min(left, 50_000)) }
    }
  }

  /// The variables by which the processes of an attempt are told from all others.
  public static func environmentMarkers(of key: AttemptKey, home: String) -> [String] {
    zip(markerNames, [home, key.workflow.text, key.task, String(key.number)]).map { "\($0)=\($1)" }
  }

  static let markerNames = ["ASTRO_HOME", "ASTRO_WORKFLOW_ID", "ASTRO_TASK_ID", "ASTRO_ATTEMPT"]

  private struct Member {
    let pid: Int32
    let group: Int32
  }

  /// Living processes of the attempt, never the calling one. Zombies are as dead as can be: their parent reaps them.
  /// nil, with `errno` set, when there are none and not everybody could be looked at: that proves no death.
  private static func members(
    _ markers: Set<[UInt8]>, _ identity: ProcessIdentity?, _ group: String?
  ) -> [Member]? {
    var found: [Member] = []
    for pid in group.map(ControlGroup.members) ?? [] {
      if let status = ProcessStatus(pid: pid), !status.isZombie { found.append(Member(pid: pid, group: status.group)) }
    }
    let grouped = Set(found.map(\.pid))
    if let identity, !grouped.contains(identity.pid), let status = identity.status, !status.isZombie {
      found.append(Member(pid: identity.pid, group: status.group))
    }
    guard let names = try? Listing.names(in: "/proc"), !names.isEmpty else { return nil }
    var obstacle: Int32?
    for name in names {
      guard let pid = Int32(name), pid > 1, pid != getpid(), pid != identity?.pid, !grouped.contains(pid)
      else { continue }
      switch ProcessEnvironment.read(pid) {
      case .variables(let bytes):
        guard carries(bytes, markers), let status = ProcessStatus(pid: pid), !status.isZombie else { continue }
        found.append(Member(pid: pid, group: status.group))
      // With a control group, whatever may be of the attempt is in that.
      case .becoming: if group == nil { obstacle = EAGAIN }
      case .unavailable: obstacle = errno
      case .hidden: continue
      }
    }
    guard found.isEmpty, let obstacle else { return found }
    errno = obstacle
    return nil
  }

  /// Asked once a descriptor of the process is held, so that its number cannot pass to another before the signal.
  private static func isMember(
    _ pid: Int32, _ markers: Set<[UInt8]>, _ identity: ProcessIdentity?, _ group: String?
  ) -> Bool {
    if let group, ControlGroup.members(at: group).contains(pid) { return true }
    if let identity, identity.pid == pid { return identity.exists }
    guard case .variables(let bytes) = ProcessEnvironment.read(pid) else { return false }
    return carries(bytes, markers)
  }

  private static func carries(_ environment: [UInt8], _ markers: Set<[UInt8]>) -> Bool {
    var missing = markers
    for variable in environment.split(separator: 0) where missing.contains(Array(variable)) {
      missing.remove(Array(variable))
    }
    return missing.isEmpty
  }

  /// A process by a descriptor, which never comes to mean another one (pidfd_open(2)).
  private final class Watched {
    let pid: Int32
    private let descriptor: Descriptor

    /// nil when it has ended.
    init?(_ pid: Int32) {
      let number = clinux_pidfd_open(pid)
      guard number >= 0 else { return nil }
      self.pid = pid
      descriptor = Descriptor(owning: number)
    }

    func kill() { clinux_pidfd_kill(descriptor.number) }

    func waitForEnd(atMostMicroseconds patience: Int64) {
      var polled = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
      poll(&polled, 1, Int32(clamping: (patience + 999) / 1000))
    }
  }
}

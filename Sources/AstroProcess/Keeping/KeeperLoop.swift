import AstroCore
import CLinux
import Glibc

/// One thread, one poll(2), no timer.
struct KeeperLoop: ~Copyable {
  private var socket: SocketStream
  private let signals: Descriptor

  /// Orphans of the program become children here, in whatever session they are: nothing of it can get lost.
  init(socket: Int32) {
    self.socket = SocketStream(owning: socket)
    clinux_become_subreaper()
    var watched = sigset_t()
    sigemptyset(&watched)
    // The last three are meant for the program when a service manager sends them to all that it finds.
    for number in [SIGCHLD, SIGTERM, SIGINT, SIGHUP] { sigaddset(&watched, number) }
    sigprocmask(SIG_BLOCK, &watched, nil)
    signals = Descriptor(owning: clinux_signalfd(&watched))
  }

  /// Returns when nothing of the program is left.
  mutating func run(_ start: borrowing KeptStart) {
    switch start.spawn() {
    case .failed(let failure): say(.failed(failure))
    case .started(let pid):
      say(.started(pid))
      clinux_shed_code()
      while let order = wait(for: pid) { kill(-pid, order) }
      killAll(of: pid)
    }
  }

  /// Waits until something is to be done: the signal that the program is to be sent, or nil when it is over.
  private mutating func wait(for pid: Int32) -> Int32? {
    while true {
      var polled = [
        pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0),
      ]
      poll(&polled, 2, -1)
      while true {
        let signal = clinux_signalfd_read(signals.number)
        if signal == 0 { break }
        if signal != SIGCHLD { return signal }
      }
      if reapOrphans(of: pid) { return nil }
      if case .ended = socket.receive() { return nil }
      if let line = socket.takeLine(), line.elementsEqual(KeeperOrder.terminate.utf8.dropLast()) { return SIGTERM }
    }
  }

  /// Reaps whoever has ended before the program has, and says whether it has too; it stays a zombie, and its group its own.
  private func reapOrphans(of pid: Int32) -> Bool {
    while let zombie = Zombie.next() {
      if zombie == pid { return true }
      _ = Zombie.reap(zombie)
    }
    return false
  }

  /// Kills and reaps children until there are none, those that become ours meanwhile included.
  private mutating func killAll(of pid: Int32) {
    // Not reaped so far, so that the number of its group is still its own.
    kill(-pid, SIGKILL)
    while true {
      for child in Self.children() { kill(child, SIGKILL) }
      var info = siginfo_t()
      while waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) != 0 { if errno != EINTR { return } }
      while let zombie = Zombie.next() {
        if let end = Zombie.reap(zombie), zombie == pid { say(.ended(end.status)) }
      }
    }
  }

  /// Nobody else reaps them, so that their numbers stay their own.
  private static func children() -> [Int32] {
    Listing.readable(in: "/proc").compactMap { Int32($0) }.filter { child in
      ProcessStatus(pid: child).map { $0.parent == getpid() && !$0.isZombie } ?? false
    }
  }

  private mutating func say(_ report: KeeperReport) {
    socket.write { $0 += report.line.utf8 }
    // The reader that is gone is the order to kill, and is found as that.
    _ = socket.send()
  }
}

import CLinux
import Glibc

/// Asking the kernel whether anybody holds a file open for writing: a read lease (fcntl(2), F_SETLEASE) is granted only
/// when nobody does, however they opened it, a shared writable mapping included.
enum Lease {
  enum Answer: Equatable {
    /// Nobody writes; whoever opens the file for writing now waits until the descriptor is closed.
    case granted
    case beingWritten
    /// Not our file, or a file system without leases.
    case unknown
  }

  /// F_SETSIG of fcntl(2), which the Swift overlay does not carry.
  private static let setSignal: Int32 = 10

  /// Asks for the lease on an open file.
  static func ask(_ descriptor: borrowing Descriptor) -> Answer {
    // A writer that opens the file while the lease stands makes the kernel send SIGIO, whose default is to kill us.
    // SIGURG is ignored by default; the news itself is read with F_GETLEASE.
    guard fcntl(descriptor.number, setSignal, SIGURG) == 0 else { return .unknown }
    if clinux_lease_read(descriptor.number) == 0 { return .granted }
    return errno == EAGAIN ? .beingWritten : .unknown
  }

  /// Whether a granted lease has not been broken by somebody who wants to write.
  static func stands(_ descriptor: borrowing Descriptor) -> Bool { clinux_lease_is_read(descriptor.number) == 1 }
}

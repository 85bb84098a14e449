import Foundation
import Glibc
import Testing

/// A terminal of a given size, for one command.
struct PseudoTerminal {
  /// Reads what is written to the terminal.
  let controller: FileHandle
  /// The terminal itself.
  let device: FileHandle

  init(columns: UInt16 = 80, rows: UInt16 = 24) throws {
    // ptmx(4): what posix_openpt(3), unlockpt(3) and ptsname(3) do, which the Swift overlay does not carry.
    let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    controller = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var locked: Int32 = 0
    var number: Int32 = 0
    try #require(ioctl(descriptor, 0x4004_5431, &locked) == 0 && ioctl(descriptor, 0x8004_5430, &number) == 0)
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(descriptor, UInt(TIOCSWINSZ), &size) == 0)
    let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(terminal >= 0)
    device = FileHandle(fileDescriptor: terminal, closeOnDealloc: true)
  }
}

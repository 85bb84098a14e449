import Foundation
import Glibc
import Testing

/// A terminal of a given size whose other end is collected.
final class OldTerminal {
  private let master: Int32
  private let name: String
  private var collected: [UInt8] = []

  init(columns: UInt16, rows: UInt16) throws {
    // ptmx(4): what posix_openpt(3), unlockpt(3) and ptsname(3) do, which the Swift overlay does not carry.
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var locked: Int32 = 0
    var number: Int32 = 0
    try #require(ioctl(master, 0x4004_5431, &locked) == 0 && ioctl(master, 0x8004_5430, &number) == 0)
    name = "/dev/pts/\(number)"
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(master, UInt(TIOCSWINSZ), &size) == 0)
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
  }

  deinit { close(master) }

  /// Starts `astro` with this terminal as its input, output and error output.
  func start(_ home: ScratchHome, _ arguments: String...) throws -> RunningAstro { try start(home, arguments) }

  func start(_ home: ScratchHome, _ arguments: [String]) throws -> RunningAstro {
    try RunningAstro(home.binary, arguments, home: home.path, terminal: name)
  }

  /// Everything that was written to the terminal.
  var text: String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Glibc.read(master, &buffer, buffer.count)
      guard count > 0 else { return String(decoding: collected, as: UTF8.self) }
      collected += buffer[..<count]
    }
  }
}

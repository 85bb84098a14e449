import Glibc
import Testing

/// Two named pipes by which a task says where it is and waits to be let on: no test has to guess how long it takes.
final class Gate {
  private let path: String
  private let here: Int32
  private let go: Int32

  init(path: String) throws {
    self.path = path
    for name in [".here", ".go"] { try #require(mkfifo(path + name, 0o600) == 0) }
    // Open both ways, neither end ever waits for the other to come.
    here = open(path + ".here", O_RDWR | O_CLOEXEC)
    go = open(path + ".go", O_RDWR | O_CLOEXEC)
    try #require(here >= 0 && go >= 0)
  }

  /// Lets on for good what still waits, and whatever comes later finds no gate.
  deinit {
    for name in [".here", ".go"] { unlink(path + name) }
    close(here)
    close(go)
  }

  /// What a task does in a shell, in a script without single quotes around it.
  var pass: String { "echo > \"\(path).here\"; read go < \"\(path).go\"" }

  /// Returns when a task has said that it is there.
  func waitForTask() throws {
    var entry = pollfd(fd: here, events: Int16(POLLIN), revents: 0)
    try #require(poll(&entry, 1, 60_000) == 1, "the task never came")
    var byte: UInt8 = 0
    try #require(read(here, &byte, 1) == 1)
  }

  /// Lets one task on, now or when it comes.
  func letOn() {
    let line: [UInt8] = [0x67, 0x6F, 0x0A]
    #expect(write(go, line, line.count) == line.count)
  }
}

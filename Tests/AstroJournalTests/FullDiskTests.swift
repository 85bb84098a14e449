import AstroCore
import AstroJournal
import AstroTestKit
import Glibc
import Testing

@Suite struct FullDiskTests {
  private let home = TemporaryDirectory()

  /// Runs `body` on a file system of its own with this much room.
  private func onDisk(of size: String, _ body: (_ path: String) throws -> Void) throws {
    try #require(getuid() == 0, "this test mounts a file system: run it as root")
    let path = home.path("small")
    mkdir(path, 0o700)
    try #require(mount("tmpfs", path, "tmpfs", 0, "size=\(size)") == 0, "cannot mount a tmpfs")
    defer { umount2(path, Int32(MNT_DETACH)) }
    try body(path)
  }

  private func fill(_ path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    let chunk = [UInt8](repeating: 1, count: 4096)
    while Glibc.write(descriptor, chunk, chunk.count) > 0 {}
    close(descriptor)
  }

  @Test func aFullDiskIsSaidAndNothingIsHalfWritten() throws {
    try onDisk(of: "1m") { path in
      let journal = try Journal.open(dataDirectory: path, bootID: "a", clock: HandClock())
      defer { journal.close() }
      try journal.insert(run("before"))
      fill(path + "/ballast")
      var committed = 0
      let failure = #expect(throws: Failure.self) {
        while true {
          _ = try journal.commit { try $0.insert(run("r\(committed)"), content: [UInt8](repeating: 2, count: 30_000)) }
          committed += 1
        }
      }
      #expect(failure?.code == .noSpace)
      #expect(
        failure?.description == "\(path)/astro.sqlite: no space left for the journal: No space left on device")
      // Reading goes on, and shows what was promised and no more.
      #expect(try journal.read { try $0.runs().count } == committed + 1)
      // Once there is room, so does writing.
      unlink(path + "/ballast")
      _ = try journal.commit { try $0.insert(run("after"), content: [UInt8](repeating: 3, count: 30_000)) }
      #expect(try journal.read { try $0.content(id("after"))?.count } == 30_000)
      #expect(try journal.read { try $0.runs().count } == committed + 2)
    }
  }

  @Test func aJournalThatCannotBeMadeForWantOfRoomCanBeMadeLater() throws {
    try onDisk(of: "320k") { path in
      fill(path + "/ballast")
      let failure = #expect(throws: Failure.self) {
        try Journal.open(dataDirectory: path, bootID: "a", clock: HandClock())
      }
      #expect(failure?.code == .noSpace)
      unlink(path + "/ballast")
      let journal = try Journal.open(dataDirectory: path, bootID: "a", clock: HandClock())
      try journal.insert(run("a"))
      journal.close()
    }
  }
}

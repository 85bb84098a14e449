import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Synchronization
import Testing

@testable import AstroTelemetry

@Suite struct AtomicFileTests {
  private let home = TemporaryDirectory()
  private var path: String { home.path("astro.prom") }

  private func names(_ directory: String? = nil) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory ?? home.path))?.sorted() ?? []
  }

  @Test func aFileIsReplacedWholeWithItsModeWhateverTheOldOneWas() throws {
    try AtomicFile.replace(path, with: Array("one".utf8), mode: 0o600)
    try AtomicFile.replace(path, with: Array("two".utf8), durable: true)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "two")
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o644)
    #expect(names() == ["astro.prom"])
  }

  @Test func noReaderEverFindsItMissingOrMixed() throws {
    let path = path
    try AtomicFile.replace(path, with: [UInt8](repeating: 0, count: 100_000))
    let isDone = Atomic(false)
    let looks = Atomic(0)
    // A thread of its own: the reader must run beside the writer, not after it.
    let reader = Thread {
      while !isDone.load(ordering: .relaxed) {
        let data = try? Data(contentsOf: URL(fileURLWithPath: path))
        #expect(data?.count == 100_000 && data?.allSatisfy { $0 == data?.first } == true)
        looks.add(1, ordering: .relaxed)
      }
      looks.store(-looks.load(ordering: .relaxed), ordering: .releasing)
    }
    reader.start()
    var round: UInt8 = 0
    while looks.load(ordering: .relaxed) < 100 {
      round &+= 1
      try AtomicFile.replace(path, with: [UInt8](repeating: round, count: 100_000))
    }
    isDone.store(true, ordering: .relaxed)
    while looks.load(ordering: .acquiring) > 0 { sched_yield() }
  }

  @Test func aWriteThatFailsLeavesTheOldFileAndNoTemporaryOne() throws {
    try onDisk(of: "64k", in: home) { disk in
      let path = disk + "/astro.prom"
      try AtomicFile.replace(path, with: Array("old".utf8))
      let failure = #expect(throws: Failure.self) {
        try AtomicFile.replace(path, with: [UInt8](repeating: 1, count: 100_000))
      }
      #expect(failure?.code == .noSpace)
      #expect(failure?.description == "\(path): cannot be written: No space left on device")
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
      #expect(names(disk) == ["astro.prom"])
    }
  }

  @Test func whatCannotBeReplacedIsAnErrorAndLeavesNoTemporaryFile() {
    mkdir(path, 0o700)
    let failure = #expect(throws: Failure.self) { try AtomicFile.replace(path, with: [1]) }
    #expect(failure?.description == "\(path): cannot be replaced: Is a directory")
    #expect(names() == ["astro.prom"])
  }

  @Test func `what a killed writer left is removed, and what a living one holds is not`() throws {
    let (dead, alive) = (home.path(".astro.prom.1-1.tmp"), home.path(".astro.prom.1-2.tmp"))
    for path in [dead, alive, home.path(".other.prom.1-1.tmp"), path] { close(open(path, O_WRONLY | O_CREAT, 0o600)) }
    let writer = open(alive, O_WRONLY | O_CLOEXEC)
    defer { close(writer) }
    flock(writer, LOCK_EX)
    #expect(AtomicFile.removeRemains(of: path) == 1)
    #expect(names() == [".astro.prom.1-2.tmp", ".other.prom.1-1.tmp", "astro.prom"])
  }

  @Test func aMissingDirectoryIsAnErrorThatNamesTheFile() {
    let path = home.path("none/astro.prom")
    let failure = #expect(throws: Failure.self) { try AtomicFile.replace(path, with: [1]) }
    #expect(failure?.code == .cannotCreate)
    #expect(failure?.description == "\(path): cannot create a temporary file: No such file or directory")
  }

  @Test func temporaryFilesOfAKilledProcessWithOurNumberAreNoObstacle() throws {
    for number in 0..<2000 {
      close(open(home.path(".astro.prom.\(getpid())-\(number).tmp"), O_CREAT | O_WRONLY, 0o600))
    }
    try AtomicFile.replace(path, with: Array("new".utf8))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
  }

  @Test func aLinkIsReplacedAndNotFollowed() throws {
    symlink("elsewhere", path)
    try AtomicFile.replace(path, with: Array("new".utf8))
    #expect(names() == ["astro.prom"])
  }
}

import AstroCore
import AstroTestKit
import Glibc
import Testing

@testable import AstroSpool

/// A `data/runs` with one run in it, whose tree a test fills.
private final class Runs {
  let home = TemporaryDirectory()
  let directories: RunDirectories

  init() throws {
    mkdir(home.path("runs"), 0o700)
    mkdir(home.path("runs/\(runID)"), 0o700)
    directories = try RunDirectories(path: home.path("runs"))
  }

  func path(_ name: String) -> String { home.path("runs/\(runID)/\(name)") }
  func file(_ path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
    precondition(write(descriptor, "hello", 5) == 5)
    close(descriptor)
  }
  func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Everything in `data/runs`, dot names included.
  var names: [String] {
    guard let stream = opendir(home.path("runs")) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names.filter { $0 != "." && $0 != ".." }.sorted()
  }

  func remove(atMost budget: Int = .max) throws -> (isOver: Bool, removed: Removed) {
    var removed = Removed()
    try directories.discard(runID)
    return (try directories.sweep(atMost: budget, &removed), removed)
  }
}

@Suite struct RemovingRunDirectories {
  @Test func aTreeGoesWholeAndIsCounted() throws {
    let runs = try Runs()
    mkdir(runs.path("files"), 0o700)
    runs.file(runs.path("files/a"))
    runs.file(runs.path("run.json"))
    let (isOver, removed) = try runs.remove()
    #expect(isOver)
    #expect(removed.names == 4)
    #expect(removed.bytes >= 2)
    #expect(removed.leftovers.isEmpty)
    #expect(runs.names.isEmpty)
  }

  @Test func linksAreRemovedNeverFollowed() throws {
    let runs = try Runs()
    mkdir(runs.home.path("outside"), 0o700)
    runs.file(runs.home.path("outside/precious"))
    symlink(runs.home.path("outside"), runs.path("directory"))
    symlink(runs.home.path("outside/precious"), runs.path("file"))
    symlink("/", runs.path("root"))
    symlink("loop", runs.path("loop"))
    #expect(try runs.remove().removed.names == 5)
    #expect(runs.exists(runs.home.path("outside/precious")))
    #expect(runs.names.isEmpty)
  }

  @Test func aLinkInThePlaceOfARunsDirectoryIsRemovedItself() throws {
    let runs = try Runs()
    rmdir(runs.home.path("runs/\(runID)"))
    mkdir(runs.home.path("outside"), 0o700)
    runs.file(runs.home.path("outside/precious"))
    symlink(runs.home.path("outside"), runs.home.path("runs/\(runID)"))
    #expect(try runs.remove().isOver)
    #expect(runs.exists(runs.home.path("outside/precious")))
    #expect(runs.names.isEmpty)
  }

  @Test func depthCostsNoDescriptorsAndNoStack() throws {
    let runs = try Runs()
    // Built from the inside out, so that no path is longer than the kernel takes.
    mkdir(runs.path("inner"), 0o700)
    runs.file(runs.path("inner/leaf"))
    for _ in 0..<3000 {
      mkdir(runs.path("outer"), 0o700)
      rename(runs.path("inner"), runs.path("outer/inner"))
      rename(runs.path("outer"), runs.path("inner"))
    }
    let (isOver, removed) = try runs.remove()
    #expect(isOver)
    #expect(removed.names == 3003)
    #expect(runs.names.isEmpty)
  }

  @Test func missingPermissionsDoNotProtectATree() throws {
    let runs = try Runs()
    mkdir(runs.path("closed"), 0o700)
    mkdir(runs.path("closed/inner"), 0o700)
    runs.file(runs.path("closed/inner/file"))
    chmod(runs.path("closed/inner"), 0)
    chmod(runs.path("closed"), 0o500)
    chmod(runs.home.path("runs/\(runID)"), 0)
    let (isOver, removed) = try runs.remove()
    #expect(isOver)
    #expect(removed.leftovers.isEmpty)
    #expect(runs.names.isEmpty)
  }

  @Test func namesOfAnyBytesAndKindsGo() throws {
    let runs = try Runs()
    mkfifo(runs.path("pipe"), 0o600)
    for bytes in [[0xFF, 0xFE], [0x0A], Array("a b".utf8)] as [[UInt8]] {
      var path = Array(runs.path("").utf8) + bytes + [0]
      path.withUnsafeMutableBytes {
        _ = open($0.baseAddress!.assumingMemoryBound(to: CChar.self), O_CREAT | O_WRONLY, 0o600)
      }
    }
    #expect(try runs.remove().removed.names == 5)
    #expect(runs.names.isEmpty)
  }

  @Test func aBudgetEndsASweepAndTheNextGoesOn() throws {
    let runs = try Runs()
    for folder in 0..<10 {
      mkdir(runs.path("d\(folder)"), 0o700)
      for name in 0..<10 { runs.file(runs.path("d\(folder)/f\(name)")) }
    }
    var (isOver, removed) = try runs.remove(atMost: 7)
    #expect(!isOver)
    #expect(removed.names <= 9)
    var rounds = 0
    while !isOver, rounds < 100 {
      let before = removed.names
      isOver = try runs.directories.sweep(atMost: 7, &removed)
      #expect(removed.names - before <= 9)  // its own directory and that of the run come on top
      rounds += 1
    }
    #expect(removed.names == 111)
    #expect(runs.names.isEmpty)
  }

  @Test func whatIsBeingRemovedIsNotListedAndOthersAreToldApart() throws {
    let runs = try Runs()
    mkdir(runs.home.path("runs/notes"), 0o700)
    #expect(Set(try runs.directories.list().map { $0.run?.text ?? "-\($0.name)" }) == [runID.text, "-notes"])
    #expect(try runs.directories.modifiedAt(file("notes")) != nil)
    #expect(try runs.directories.modifiedAt(file("gone")) == nil)
    try runs.directories.discard(runID)
    #expect(try runs.directories.list().map(\.name.printable) == ["notes"])
    try runs.directories.discard(runID)
  }
}

@Suite struct BareRunDirectories {
  @Test func onlyWhatAdmissionMakesIsBare() throws {
    let runs = try Runs()
    #expect(runs.directories.isBare(runID))
    mkdir(runs.path("files"), 0o700)
    #expect(runs.directories.isBare(runID))
    runs.file(runs.path("files/.hidden"))
    #expect(!runs.directories.isBare(runID))
    unlink(runs.path("files/.hidden"))
    runs.file(runs.path("run.json"))
    #expect(!runs.directories.isBare(runID))
    rename(runs.path("run.json"), runs.path("files/run.json"))
    symlink("files", runs.home.path("runs/link-20250101T000000Z-abcdef"))
    #expect(!runs.directories.isBare(WorkflowID(unchecked: "link-20250101T000000Z-abcdef")))
    #expect(!runs.directories.isBare(WorkflowID(unchecked: "gone-20250101T000000Z-abcdef")))
  }
}

@Suite struct ForgettingSettledRuns {
  @Test func fileAndReceiptGoFromTheFinalPlaces() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    _ = try fixture.spool.claim(fixture.candidate("a.yaml"), as: runID)
    try fixture.spool.settle(settlement(.done, .succeeded))
    var removed = Removed()
    try fixture.spool.forget(runID, [.yaml], &removed)
    try fixture.spool.forget(runID, [.yaml], &removed)
    #expect(removed.names == 2)
    #expect(fixture.names(in: "done").isEmpty)
  }

  @Test func aFileInActiveStays() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.yaml")
    _ = try fixture.spool.claim(fixture.candidate("a.yaml"), as: runID)
    var removed = Removed()
    try fixture.spool.forget(runID, [.yaml], &removed)
    #expect(removed.names == 0)
    #expect(fixture.names(in: "active") == ["\(runID).yaml"])
  }

  @Test func whatLiesInAPlaceIsListedByItsRun() throws {
    let fixture = try SpoolFixture()
    fixture.write("a\n", to: "a.json")
    _ = try fixture.spool.claim(fixture.candidate("a.json"), as: runID)
    let settled = Settlement(id: runID, format: .json, place: .done, receipt: receipt(.succeeded)) { [] }
    try fixture.spool.settle(settled)
    fixture.write("x", to: "done/notes.yaml")
    let found = try fixture.spool.settled(in: .done)
    #expect(found == [Spool.Settled(id: runID, format: .json, place: .done)])
    var removed = Removed()
    try fixture.spool.forget(runID, [.yaml, .json], &removed)
    #expect(fixture.names(in: "done") == ["notes.yaml"])
  }
}

import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Logging
import Testing

@testable import AstroTelemetry

@Suite struct LogFileTests {
  private let fixture: LogFixture
  private let log: Logger

  init() throws {
    fixture = try LogFixture()
    log = fixture.logger()
  }

  private func messages(_ path: String? = nil) throws -> [String] {
    try fixture.lines(of: path).map { $0["message"] as? String ?? "" }
  }

  @Test func aFileIsForItsOwnerAlone() throws {
    var status = stat()
    #expect(stat(fixture.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test func linesOfSeveralProcessesNeverMixAndEachIsOneWrite() throws {
    let (count, length) = (400, 20_000)
    let path = fixture.path
    let processes = try (0..<4).map { _ in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: logPeer)
      process.arguments = ["file", path, "\(count)", "\(length)"]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      return (process, pipe)
    }
    for (process, pipe) in processes {
      let writes = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(writes == "\(count)\n")
    }
    var lengths: [Int: [Int]] = [:]
    for line in try fixture.lines() where line["message"] as? String == "Line" {
      lengths[line["process"] as? Int ?? 0, default: []].append((line["text"] as? String)?.utf8.count ?? -1)
    }
    #expect(lengths.count == 4)
    for (_, found) in lengths { #expect(found == (0..<count).map { $0 * 7919 % length }) }
  }

  /// The size of a file grows while a line is copied in: whoever opens it then must not take that for a torn end.
  @Test func whoeverOpensABusyLogLeavesNoEmptyLine() throws {
    let (count, length) = (300, 400_000)
    let writer = Process()
    writer.executableURL = URL(fileURLWithPath: logPeer)
    writer.arguments = ["file", fixture.path, "\(count)", "\(length)"]
    writer.standardOutput = FileHandle.nullDevice
    try writer.run()
    while writer.isRunning {
      let output = try LogOutput(LogSettings(file: fixture.path))
      Logger(label: "astro") { output.handler(label: $0) }.info("opened")
    }
    writer.waitUntilExit()
    #expect(try fixture.rawLines().allSatisfy { $0.first == UInt8(ascii: "{") && $0.last == UInt8(ascii: "}") })
  }

  @Test func aFileThatIsRenamedAwayIsFollowedWithinASecond() throws {
    log.info("one")
    rename(fixture.path, fixture.path + ".1")
    log.info("two")
    fixture.clock.advance(.seconds(1))
    log.info("three")
    #expect(try messages(fixture.path + ".1") == ["one", "two"])
    #expect(try messages() == ["three"])
  }

  @Test func aBusyLogIsFollowedWithinTheSecond() throws {
    log.info("0")
    rename(fixture.path, fixture.path + ".1")
    for i in 1...LogFile.linesBetweenChecks { log.info("\(i)") }
    #expect(try messages().last == "\(LogFile.linesBetweenChecks)")
  }

  @Test func reopeningFollowsAtOnce() throws {
    rename(fixture.path, fixture.path + ".1")
    try fixture.output.reopen()
    log.info("new")
    #expect(try messages() == ["new"])
    #expect(try messages(fixture.path + ".1").isEmpty)
  }

  @Test func whileThePathCannotBeOpenedLinesGoOnIntoTheOldFile() throws {
    rename(fixture.path, fixture.path + ".1")
    mkdir(fixture.path, 0o700)
    let failure = #expect(throws: Failure.self) { try fixture.output.reopen() }
    #expect(failure?.description == "\(fixture.path): cannot be opened for appending: Is a directory")
    fixture.clock.advance(.seconds(1))
    log.info("kept")
    #expect(try messages(fixture.path + ".1") == ["kept"])
    rmdir(fixture.path)
  }

  @Test func aLineCutOffByAnotherWriterDoesNotSwallowTheNext() throws {
    let path = fixture.home.path("torn.log")
    try Data("{\"message\":\"cut o".utf8).write(to: URL(fileURLWithPath: path))
    let output = try LogOutput(LogSettings(file: path))
    Logger(label: "astro") { output.handler(label: $0) }.info("whole")
    let raw = try fixture.rawLines(of: path)
    #expect(raw.count == 2)
    #expect((try JSONSerialization.jsonObject(with: raw[1]) as? [String: Any])?["message"] as? String == "whole")
  }

  @Test func aFullDiskDropsLinesSaysSoOnceAndTellsHowManyWhenThereIsRoom() throws {
    let home = TemporaryDirectory()
    try onDisk(of: "64k", in: home) { path in
      let output = try LogOutput(LogSettings(file: path + "/astro.log"))
      let log = Logger(label: "astro") { output.handler(label: $0) }
      log.info("before")
      fill(path + "/ballast")
      // The page that holds the file's end still has room for some.
      for i in 0..<500 { log.info("lost \(i)") }
      unlink(path + "/ballast")
      log.info("after")
      let raw = try fixture.rawLines(of: path + "/astro.log")
      let lines = raw.compactMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] }
      // The one line the disk filled up in the middle of is torn; it stands alone.
      #expect(raw.count - lines.count <= 1)
      let kept = lines.count { ($0["message"] as? String)?.hasPrefix("lost") == true }
      let notice = try #require(lines.first { $0["message"] as? String == "Log lines were dropped" })
      #expect(notice["level"] as? String == "WARNING" && notice["dropped_lines"] as? Int == 500 - kept)
      #expect(kept < 500)
      #expect(lines.first?["message"] as? String == "before" && lines.last?["message"] as? String == "after")
    }
  }

  @Test func aReadOnlyFileSystemIsAnErrorThatNamesTheFile() throws {
    let home = TemporaryDirectory()
    try onDisk(of: "64k", in: home) { path in
      try #require(mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
      let failure = #expect(throws: Failure.self) { try LogOutput(LogSettings(file: path + "/astro.log")) }
      #expect(failure?.code == .cannotCreate)
      #expect(
        failure?.description == "\(path)/astro.log: cannot be opened for appending: Read-only file system")
    }
  }

  @Test func aFIFOUnderTheNameStopsNobody() throws {
    let path = fixture.home.path("fifo")
    mkfifo(path, 0o600)
    let output = try LogOutput(LogSettings(file: path))
    let log = Logger(label: "astro") { output.handler(label: $0) }
    for _ in 0..<2000 { log.info("nobody reads this") }
    withExtendedLifetime(output) {
      let reader = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      defer { close(reader) }
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      #expect(read(reader, &bytes, bytes.count) > 0, "what there was room for waits for a reader")
    }
  }
}

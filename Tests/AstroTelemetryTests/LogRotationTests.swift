import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Logging
import Testing

@testable import AstroTelemetry

/// The log is renamed away by size, by whichever of several processes comes first, and no line is lost or doubled.
@Suite struct LogRotationTests {
  private let fixture: LogFixture

  init() throws { fixture = try LogFixture() }

  /// The log and what it was renamed to, the oldest lines first. A number may be free.
  private var files: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: fixture.home.path)) ?? []
    let numbers = names.compactMap { $0.hasPrefix("astro.log.") ? Int($0.dropFirst(10)) : nil }
    return numbers.sorted(by: >).map { "\(fixture.path).\($0)" } + [fixture.path]
  }

  /// The numbers of the lines of each process, in the order of the files.
  private func numbers() throws -> [Int: [Int]] {
    var numbers: [Int: [Int]] = [:]
    for path in files {
      for line in try fixture.lines(of: path) where line["message"] as? String == "Line" {
        numbers[line["process"] as? Int ?? 0, default: []].append(line["n"] as? Int ?? -1)
      }
    }
    return numbers
  }

  private func peer(_ count: Int, size: Int, keep: Int, behind wrapper: [String] = []) throws -> Process {
    let command = wrapper + [logPeer, "file", fixture.path, "\(count)", "2000", "\(size)", "\(keep)"]
    let process = Process()
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : -1
  }

  @Test func `a log that is too large is renamed away, the newest to number 1`() throws {
    fixture.output.setRotation(.init(size: 64 << 10, keep: 10))
    let log = fixture.logger()
    for n in 0..<300 {
      if n % 30 == 0 { fixture.clock.advance(.seconds(1)) }
      log.info("Line", metadata: ["n": .stringConvertible(n), "text": .string(String(repeating: "x", count: 1000))])
    }
    #expect((4...8).contains(files.count))
    #expect(try numbers().values.first == Array(0..<300))
    for path in files {
      #expect(size(path) < 96 << 10)
      var status = stat()
      #expect(stat(path, &status) == 0 && status.st_mode & 0o7777 == 0o600)
    }
  }

  /// A writer that looked at the path a moment ago may still add to what has just been renamed.
  @Test func `a file that was the newest two seconds ago is not overwritten`() throws {
    fixture.output.setRotation(.init(size: 64 << 10, keep: 1))
    let log = fixture.logger()
    func fillUp() {
      for _ in 0..<70 { log.info("Line", metadata: ["text": .string(String(repeating: "x", count: 1000))]) }
      fixture.clock.advance(.seconds(1))
      log.info("next")
    }
    fillUp()
    #expect(files.count == 2 && size(fixture.path) < 64 << 10)
    fillUp()
    #expect(size(fixture.path) > 64 << 10, "it grows on")
    // As if it had happened ten seconds ago.
    let clock = ["/bin/sh", "-c", "while [ $(($(date +%s) - $(stat -c %Z \"$1\"))) -le 2 ]; do sleep 0.2; done", "sh"]
    #expect(try runTool(clock[0], Array(clock.dropFirst()) + [fixture.path + ".1"]).code == 0)
    fixture.clock.advance(.seconds(1))
    log.info("last")
    #expect(files.count == 2)
    #expect(try fixture.lines().map { $0["message"] as? String } == ["last"])
  }

  @Test func `several processes rotate one log, and every line is there once, in order`() throws {
    let count = 4000
    let peers = try (0..<4).map { _ in try peer(count, size: 256 << 10, keep: 1000) }
    for peer in peers {
      peer.waitUntilExit()
      #expect(peer.terminationStatus == 0)
    }
    #expect(files.count > 10, "\(files.count) files: it was hardly rotated")
    let numbers = try numbers()
    #expect(numbers.count == 4)
    for found in numbers.values { #expect(found == Array(0..<count)) }
  }

  /// Each rename(2) of the first five rotations: the n-th of them makes n.
  @Test(arguments: 1...15) func `killed in the middle of rotating, nothing is lost and the next one completes it`(
    kill: Int
  ) throws {
    let (size, keep, count) = (64 << 10, 50, 1200)
    let victim = try peer(
      count, size: size, keep: keep,
      behind: [
        "/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename", "-e",
        "inject=rename:signal=KILL:when=\(kill)",
      ])
    victim.waitUntilExit()
    #expect(victim.terminationReason == .uncaughtSignal || victim.terminationStatus != 0, "it was not killed")
    let before = try numbers()
    #expect(before.count == 1)
    for found in before.values { #expect(found == Array(0..<found.count)) }
    let heir = try peer(200, size: size, keep: keep)
    heir.waitUntilExit()
    #expect(heir.terminationStatus == 0)
    let after = try numbers()
    #expect(after[Int(heir.processIdentifier)] == Array(0..<200))
    for (process, found) in before { #expect(after[process] == found) }
    // Where a number was left free the next rotation has moved the files before it up.
    let positions = files.dropLast().map { Int($0.split(separator: ".").last ?? "") ?? 0 }
    #expect(positions == (1...positions.count).reversed())
  }

  @Test func `logrotate's rename beside ours loses nothing`() throws {
    let count = 20_000
    let peers = try (0..<2).map { _ in try peer(count, size: 1 << 30, keep: 5) }
    var moved = 0
    while peers.contains(where: \.isRunning) {
      if size(fixture.path) > 1 << 20, rename(fixture.path, "\(fixture.path).\(moved + 1)") == 0 { moved += 1 }
      poll(nil, 0, 5)
    }
    #expect(moved > 2)
    var all: [Int: Set<Int>] = [:]
    let last = access(fixture.path, F_OK) == 0 ? [fixture.path] : []
    for path in (1...moved).map({ "\(fixture.path).\($0)" }) + last {
      for line in try fixture.lines(of: path) where line["message"] as? String == "Line" {
        #expect(all[line["process"] as? Int ?? 0, default: []].insert(line["n"] as? Int ?? -1).inserted)
      }
    }
    for peer in peers { #expect(all[Int(peer.processIdentifier)] == Set(0..<count)) }
  }
}

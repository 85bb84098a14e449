import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// A program that must not outlive whoever started it.
struct KeeperTests {
  let reactor = PipeReactor()
  let mark = "MARK=\(UUID().uuidString)"

  func start(
    _ script: String, environment: [String] = [], user: Confinement.UserNumbers? = nil
  ) async throws -> KeptProcess {
    let program = KeptProgram(
      arguments: ["/bin/sh", "-c", script], environment: ["PATH=/usr/bin:/bin", mark] + environment, directory: "/",
      user: user)
    return try await KeptProcess.start(
      program, keeper: KeeperCommand(executable: WardenFixture.binary()), reactor: reactor)
  }

  func all(_ pipe: PipeReader) async -> String {
    var bytes: [UInt8] = []
    while let piece = await pipe.read() { bytes += piece }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func itsStreamsArePassedOnAndItsEndIsTold() async throws {
    let process = try await start("cat; echo oops >&2; exit 7")
    process.input.write("hello\n".utf8)
    process.input.finish()
    #expect(await all(process.output) == "hello\n")
    #expect(await all(process.errors) == "oops\n")
    #expect(await process.ended() == .exited(7))
    #expect(process.isOver)
  }

  @Test func moreThanAPipeHoldsIsWrittenAsItIsRead() async throws {
    let process = try await start("wc -c")
    #expect(process.input.write([UInt8](repeating: 0x61, count: 3_000_000)))
    process.input.finish()
    #expect(await all(process.output) == "3000000\n")
    #expect(await process.ended() == .exited(0))
  }

  @Test func aPipeThatNobodyReadsIsNoSignal() async throws {
    let process = try await start("exec <&-; echo closed; read x < /dev/null; kill -TERM $$")
    #expect(await process.output.read() == Array("closed\n".utf8))
    process.input.write([UInt8](repeating: 0x61, count: 3_000_000))
    #expect(await process.ended() == .signalled(SIGTERM))
  }

  @Test func terminationIsAskedOfTheWholeGroup() async throws {
    let process = try await start(
      "trap 'echo parent; exit 0' TERM; (trap 'echo child; exit 0' TERM; echo up; sleep 100 & wait) & echo up; wait; wait"
    )
    var text = ""
    while text.split(separator: "\n").count < 2, let piece = await process.output.read() {
      text += String(decoding: piece, as: UTF8.self)
    }
    process.terminate()
    #expect(Set(await all(process.output).split(separator: "\n")).isSubset(of: ["parent", "child"]))
    #expect(await process.ended() == .exited(0))
    #expect(Processes.carrying(mark) == [])
  }

  @Test func whatItLeavesBehindIsKilledWhereverItHasGone() async throws {
    let process = try await start("setsid --fork sh -c 'trap \"\" TERM HUP; echo up; sleep 1000; :' | head -1")
    #expect(await process.output.read() == Array("up\n".utf8))
    #expect(await process.ended() == .exited(0))
    #expect(Processes.carrying(mark) == [])
  }

  @Test func killingLeavesNothing() async throws {
    let process = try await start("trap '' TERM; setsid --fork sleep 1000; echo up; sleep 1000; :")
    #expect(await process.output.read() == Array("up\n".utf8))
    process.kill()
    #expect(await process.ended() == .signalled(SIGKILL))
    #expect(Processes.carrying(mark) == [])
  }

  @Test func whatAServiceManagerSendsToAllIsPassedOn() async throws {
    let process = try await start("trap 'echo asked; exit 3' TERM; echo $PPID; while :; do sleep 0.01; done")
    let keeper = Int32(String(decoding: await process.output.read() ?? [], as: UTF8.self).dropLast())
    kill(try #require(keeper), SIGTERM)
    #expect(await process.output.read() == Array("asked\n".utf8))
    #expect(await process.ended() == .exited(3))
  }

  @Test func aKeeperThatIsKilledTakesTheProgramWithIt() async throws {
    let process = try await start("echo $PPID $$; sleep 1000; :")
    let pids = String(decoding: await process.output.read() ?? [], as: UTF8.self).split { $0 == " " || $0 == "\n" }
    let numbers = pids.compactMap { Int32($0) }
    try #require(numbers.count == 2)
    let program = Watched(numbers[1])
    kill(numbers[0], SIGKILL)
    #expect(await process.ended() == nil)
    #expect(program.waitForEnd())
    for pid in Processes.carrying(mark) { kill(pid, SIGKILL) }
  }

  /// Another process starts the keeper here, and is killed as a runner may be.
  @Test func aRunnerThatIsKilledLeavesNothing() throws {
    let directory = TemporaryDirectory()
    let runner = directory.path("runner.py")
    try """
    import os, socket, subprocess, sys
    ours, theirs = socket.socketpair()
    script = "trap '' TERM HUP; setsid --fork sh -c 'trap \\"\\" TERM HUP; echo up; sleep 1000; :'; while :; do sleep 1000; done"
    keeper = subprocess.Popen(
        [sys.argv[1], "keeper", "--socket", str(theirs.fileno()), "--directory", "/", "--confinement", "", "--",
         "/bin/sh", "-c", script], pass_fds=[theirs.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True)
    theirs.close()
    sys.stdout.write(keeper.stdout.readline().decode()); sys.stdout.flush()
    os.read(0, 1)
    """.write(toFile: runner, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = [runner, try WardenFixture.binary()]
    process.environment = ["PATH": "/usr/bin:/bin", "MARK": String(mark.dropFirst("MARK=".count))]
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = Pipe()
    try process.run()
    #expect(output.fileHandleForReading.availableData == Data("up\n".utf8))
    let kept = Processes.carrying(mark).filter { $0 != process.processIdentifier }.map(Watched.init)
    #expect(kept.count >= 3)  // The keeper, the shell, and the one that has left its session.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    for watched in kept { #expect(watched.waitForEnd()) }
    #expect(Processes.carrying(mark) == [])
  }

  @Test(.enabled(if: geteuid() == 0, "becoming another user is for root"))
  func itBecomesTheUserAndTheKeeperDoesNot() async throws {
    let process = try await start(
      "id -u; id -g; id -G; cat /proc/$PPID/status | grep ^Uid: | cut -f2; echo x > /dev/stderr",
      user: .init(uid: 12345, gid: 12346, groups: [12347]))
    #expect(await all(process.output) == "12345\n12346\n12346 12347\n0\n")
    #expect(await all(process.errors) == "x\n")
    #expect(await process.ended() == .exited(0))
  }

  @Test func aTaskThatIsCancelledWaitsNoLonger() async throws {
    let process = try await start("echo up; sleep 1000; :")
    _ = await process.output.read()
    let result = await withTaskGroup(of: String.self) { group in
      group.addTask { await process.ended() == nil ? "not known" : "ended" }
      group.addTask { await process.output.read() == nil ? "nothing" : "something" }
      group.cancelAll()
      return await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(result == ["not known", "nothing"])
    process.kill()
    await process.ended()
  }
}

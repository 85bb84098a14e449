import AstroCore
import AstroProcess
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroMCP

/// Servers that do wrong, as processes under keepers: each is a clear failure, and nothing of it is left.
struct BadServerTests {
  let reactor = PipeReactor()

  struct MachineClock: AstroCore.Clock {
    func now() -> Moment { Moment(wall: Timestamp(microseconds: 0), boot: 0) }
  }

  /// A server of its own mark, by which its processes are found.
  struct Running {
    let script: ToolServerScript
    let server: MCPServer
    let mark: String

    /// Processes that carry the mark and have not ended.
    var processes: [Int32] { MarkedProcesses.carrying(mark) }
  }

  /// - Parameter hasty: how much of all waiting is over at once.
  func run(
    _ body: String, hasty: Set<Duration> = [], callTimeout: Duration = .seconds(60)
  ) throws -> Running {
    let binary = try #require(
      ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    let script = ToolServerScript(body)
    let mark = "MARK=\(UUID().uuidString)"
    let server = MCPServer(
      ServerSettings(name: "bad", command: script.command, callTimeout: callTimeout),
      program: { () throws(Failure) in
        ServerProgram(
          KeptProgram(
            arguments: script.command, environment: ["PATH=/usr/bin:/bin", mark], directory: script.directory.path))
      },
      launcher: KeptServerLauncher(keeper: KeeperCommand(executable: binary), reactor: reactor), memory: EraMemory(),
      clock: MachineClock(),
      sleep: { duration in if !hasty.contains(duration) { try await Task.sleep(for: duration) } })
    return Running(script: script, server: server, mark: mark)
  }

  func failure(of running: Running, _ tool: String = "look") async -> String? {
    do throws(MCPFailure) {
      let answer = try await running.server.call(tool, arguments: .map([:]))
      return "no failure: \(answer)"
    } catch { return error.description }
  }

  @Test func oneThatDiesAtItsStartHasItsLastWordsTold() async throws {
    let running = try run(#"sys.stderr.write("warming up\nno database\n"); sys.exit(3)"#)
    #expect(
      await failure(of: running)
        == "MCP server 'bad' ended with exit code 3 before it answered 'initialize'; its last words: no database")
    #expect(running.processes == [])
  }

  @Test func oneThatDiesInACallIsTold() async throws {
    let running = try run("def call(message): os.kill(os.getpid(), signal.SIGSEGV)")
    #expect(await failure(of: running) == "MCP server 'bad' ended with signal 11 before it answered 'tools/call'")
    #expect(running.processes == [])
  }

  @Test func oneThatHangsIsGivenUp() async throws {
    let running = try run(
      "def call(message): signal.pause()", hasty: [.seconds(7), .seconds(2)], callTimeout: .seconds(7))
    #expect(await failure(of: running) == "MCP server 'bad' gives no answer to 'tools/call' within 7s")
    await running.server.stop()
    #expect(running.processes == [])
  }

  @Test func oneThatReadsNothingIsGivenUp() async throws {
    let running = try run(
      """
      answer(next(messages()), {"resultType": "complete", "supportedVersions": ["2026-07-28"]})
      signal.pause()
      """)
    let arguments = JSONValue.map(["text": .string(String(repeating: "x", count: 17 << 20))])
    let endings = await withTaskGroup(of: String.self) { group in
      for _ in 0..<2 {
        group.addTask {
          do throws(MCPFailure) { return try await running.server.call("look", arguments: arguments).text } catch {
            return error.description
          }
        }
      }
      return await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(endings == ["MCP server 'bad' does not read what it is sent"])
    #expect(running.processes == [])
  }

  @Test func oneThatIgnoresEveryOrderIsKilledWithItsChildren() async throws {
    let running = try run(
      """
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
      def call(message):
          # In a session of its own, and an orphan.
          script = "import signal; signal.signal(15, 1); print(1, flush=True); signal.pause()"
          child = subprocess.Popen(["setsid", "--fork", sys.executable, "-c", script], stdout=subprocess.PIPE)
          child.stdout.readline()
          text(message, "started")
      import atexit
      atexit.register(signal.pause)
      """, hasty: [.seconds(2)])
    #expect(try await running.server.call("look", arguments: .map([:])) == ToolAnswer("started"))
    #expect(running.processes.count >= 3)
    await running.server.stop()
    #expect(running.processes == [])
  }

  @Test func oneThatEndsByItselfIsNotKilled() async throws {
    let running = try run(
      """
      import atexit
      atexit.register(lambda: open("farewell", "w").close())
      """)
    _ = try await running.server.call("look", arguments: .map([:]))
    await running.server.stop()
    #expect(FileManager.default.fileExists(atPath: running.script.directory.path("farewell")))
    #expect(running.processes == [])
  }

  @Test func oneThatDiesAgainAndAgainAmongManyCallsLeavesNoneWithoutAnEnd() async throws {
    let running = try run(
      """
      calls = 0
      def call(message):
          global calls
          calls += 1
          if calls == 5: os.kill(os.getpid(), signal.SIGKILL)
          text(message, "done")
      """)
    let endings = await withTaskGroup(of: String?.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<10 {
            guard let problem = await self.failure(of: running), !problem.hasPrefix("no failure: ") else { continue }
            if problem != "MCP server 'bad' ended with signal 9 before it answered 'tools/call'" { return problem }
          }
          return nil
        }
      }
      return await group.reduce(into: [String]()) { if let ending = $1 { $0.append(ending) } }
    }
    #expect(endings == [])
    await running.server.stop()
    #expect(running.processes == [])
  }

  @Test func aFloodOfLinesIsCutShort() async throws {
    let running = try run(
      """
      def call(message):
          for _ in range(1600): sys.stdout.write("spam\\n" * 13000)
      """)
    #expect(
      await failure(of: running) == "MCP server 'bad' prints 1001 lines that are no messages, the last: spam")
    #expect(running.processes == [])
  }

  @Test func aFloodWithoutALineIsCutShort() async throws {
    let running = try run("def call(message): [sys.stdout.write('x' * 1000000) for _ in range(100)]")
    #expect(await failure(of: running) == "MCP server 'bad' prints a line of more than 1MiB")
    #expect(running.processes == [])
  }

  @Test func anAnswerOfMoreThanALineMayHoldIsCutShort() async throws {
    let running = try run("def call(message): text(message, 'x' * (1 << 20))")
    #expect(await failure(of: running) == "MCP server 'bad' prints a line of more than 1MiB")
  }

  @Test func aFloodOnStandardErrorDoesNoHarm() async throws {
    let running = try run(
      """
      def call(message):
          for _ in range(100): sys.stderr.write("x" * 1000000)
          text(message, "done")
      """)
    #expect(try await running.server.call("look", arguments: .map([:])) == ToolAnswer("done"))
    await running.server.stop()
  }

  @Test func wordsBetweenMessagesArePassedOver() async throws {
    let running = try run(
      """
      print("Welcome to the server!")
      sys.stdout.buffer.write(b"\\xff\\xfe not text\\n")
      def call(message):
          say({"jsonrpc": "2.0", "id": 4711, "result": {}})
          say({"jsonrpc": "2.0", "id": str(message["id"]), "result": {}})
          text(message, "first")
          text(message, "second")
      """)
    #expect(try await running.server.call("look", arguments: .map([:])) == ToolAnswer("first"))
    #expect(try await running.server.call("look", arguments: .map([:])) == ToolAnswer("first"))
    await running.server.stop()
  }

  @Test func onlyNonsenseIsAFailure() async throws {
    let running = try run("while True: print('{\"jsonrpc\": \"2.0\", \"id\":')")
    #expect(
      await failure(of: running)
        == #"MCP server 'bad' prints 1001 lines that are no messages, the last: {"jsonrpc": "2.0", "id":"#)
    #expect(running.processes == [])
  }

  @Test func aBatchIsAFailure() async throws {
    let running = try run("def call(message): say([{'jsonrpc': '2.0', 'id': message['id'], 'result': {}}])")
    #expect(
      await failure(of: running)
        == "MCP server 'bad' sends a batch of messages, which no revision of the protocol has that is spoken here")
  }

  @Test func oneThatAsksTheUserIsToldThatThereIsNone() async throws {
    let running = try run(
      """
      def call(message):
          say({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "Which?"}})
          text(message, next(messages())["error"]["message"])
      """)
    #expect(
      try await running.server.call("look", arguments: .map([:])) == ToolAnswer("Method not found: elicitation/create"))
    await running.server.stop()
  }

  @Test func oneThatStartsSlowlyIsWaitedFor() async throws {
    let running = try run("time.sleep(1)")
    #expect(try await running.server.call("look", arguments: .map([:])) == ToolAnswer("done"))
    await running.server.stop()
  }

  @Test func aProgramThatIsNoneIsNamed() async throws {
    let binary = try #require(ProcessInfo.processInfo.environment["ASTRO_BINARY"])
    for (program, directory, problem) in [
      ("/no/such", "/", "/no/such: no such program, or none that can run it"),
      ("/etc/passwd", "/", "/etc/passwd: cannot be run: Permission denied"),
      ("/bin/true", "/no/where", "/no/where: cannot be entered: No such file or directory"),
    ] {
      let server = MCPServer(
        ServerSettings(name: "bad", command: [program]),
        program: { () throws(Failure) in
          ServerProgram(KeptProgram(arguments: [program], environment: [], directory: directory))
        },
        launcher: KeptServerLauncher(keeper: KeeperCommand(executable: binary), reactor: reactor), memory: EraMemory(),
        clock: MachineClock())
      await #expect(throws: MCPFailure(.notStarted, "bad", "cannot be started: \(problem)")) {
        try await server.tools()
      }
    }
  }

  @Test func itHasItsEnvironmentAndNothingElse() async throws {
    let running = try run(
      """
      def call(message):
          names = sorted(name for name in os.environ if name not in ("LC_CTYPE", "PWD", "SHLVL", "_"))
          streams = sorted(int(number) for number in os.listdir("/proc/self/fd"))[:4]
          own = os.getpgid(0) == os.getpid() and os.getsid(0) != int(os.environ.get("SESSION", "0"))
          text(message, f"{names} {streams} {own}")
      """)
    // The fourth is the directory that is being read.
    #expect(
      try await running.server.call("look", arguments: .map([:])) == ToolAnswer("['MARK', 'PATH'] [0, 1, 2, 3] True"))
    await running.server.stop()
  }
}

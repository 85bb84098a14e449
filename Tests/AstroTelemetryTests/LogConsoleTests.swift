import AstroCore
import Foundation
import Glibc
import Logging
import Testing

@testable import AstroTelemetry

@Suite struct LogConsoleTests {
  private let clock = WallClock()

  /// What a console of this style shows of what `body` logs.
  private func shown(_ style: LogConsole.Style, level: Logger.Level = .debug, _ body: (Logger) -> Void) throws -> String
  {
    let pipe = Pipe()
    var console = LogConsole(style)
    console.descriptor = pipe.fileHandleForWriting.fileDescriptor
    let clock = clock
    let output = try LogOutput(
      LogSettings(file: nil, level: level, console: console, requestID: "req-0000002a"), now: { clock.now })
    body(Logger(label: "astro") { output.handler(label: $0) })
    try pipe.fileHandleForWriting.close()
    return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }

  /// `HH:MM:SS.mmm` where the test runs.
  private var localTime: String {
    var second = time_t(clock.now.microseconds / 1_000_000)
    var fields = tm()
    localtime_r(&second, &fields)
    return String(format: "%02d:%02d:%02d.123", fields.tm_hour, fields.tm_min, fields.tm_sec)
  }

  @Test func aLineForPeopleIsTheContracts() throws {
    let line = #line + 3
    let text = try shown(.people) { log in
      log.info("Workflow accepted")
      log.warning("m", metadata: ["agent_id": "a1"])
      log.error(
        "m",
        metadata: ["agent_id": "a1", "task_id": "t", "duration_ms": .stringConvertible(12.5), "other": "not shown"])
    }
    #expect(
      text == """
        [INFO] \(localTime) astro:\(line - 1) [req:0000002a] Workflow accepted
        [WARNING] \(localTime) astro:\(line) [req:0000002a] [agent=a1] m
        [ERROR] \(localTime) astro:\(line + 1) [req:0000002a] [agent=a1, task=t, duration=12.5ms] m

        """)
  }

  @Test func anErrorSaysWhyAndAContextWho() throws {
    let text = try shown(.people) { log in
      log.error("Report cannot be written", error: Failure(.io, subject: "f", message: "m"))
      log.error("Task execution failed", metadata: ["error": "exited with code 3"])
      LogContext.with(requestID: "req-12345678") { log.info("m") }
    }
    let lines = text.split(separator: "\n")
    #expect(lines[0].hasSuffix("] Report cannot be written: f: m"))
    #expect(lines[1].hasSuffix("] Task execution failed: exited with code 3"))
    #expect(lines[2].hasSuffix(" [req:12345678] m"))
  }

  @Test func nothingFromOutsideMovesTheCursor() throws {
    let text = try shown(.people) { log in
      log.info("\u{1B}[31m\n\u{9B}\u{202E}", metadata: ["task_id": "\u{1B}]0;x\u{7}", "error": "\r\u{8}"])
    }
    #expect(text.hasSuffix("[task=?]0;x?] ?[31m???: ??\n"))
    #expect(!text.dropLast().unicodeScalars.contains { Terminal.isUnsafe($0) })
  }

  @Test(arguments: [
    (Logger.Level.debug, "36"), (.info, "32"), (.warning, "33"), (.error, "31"), (.critical, "1;31"),
  ]) func onlyTheLevelIsColoured(level: Logger.Level, code: String) throws {
    let text = try shown(.colouredPeople) { $0.log(level: level, "m") }
    #expect(text.hasPrefix("\u{1B}[\(code)m[\(level.word)]\u{1B}[0m \(localTime) astro:"))
    #expect(text.unicodeScalars.count { $0 == "\u{1B}" } == 2)
  }

  @Test func aConsoleOfJSONShowsTheLinesOfTheFile() throws {
    let text = try shown(.json) { $0.info("m", metadata: ["a": "b"]) }
    let line = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(line["message"] as? String == "m" && line["a"] as? String == "b" && line["level"] as? String == "INFO")
  }

  @Test func aConsoleThatIsGoneLosesTheLineAndNothingElse() throws {
    signal(SIGPIPE, SIG_IGN)
    let fixture = try LogFixture()
    var console = LogConsole(.people)
    console.descriptor = -1
    let output = try LogOutput(LogSettings(file: fixture.path, console: console))
    Logger(label: "astro") { output.handler(label: $0) }.info("kept")
    #expect(try fixture.last()["message"] as? String == "kept")
  }

  // MARK: Which style fits

  /// What a process shows whose stderr is a terminal.
  private func onTerminal(_ environment: [String: String], _ style: String = "people") throws -> String {
    var (main, peer): (Int32, Int32) = (0, 0)
    #expect(openpty(&main, &peer, nil, nil, nil) == 0)
    let end = FileHandle(fileDescriptor: peer, closeOnDealloc: false)
    #expect(try runTool(logPeer, ["console", style], environment: environment, errors: end).code == 0)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(main, &bytes, bytes.count)
    close(peer)
    close(main)
    return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
  }

  @Test func aTerminalIsColouredUnlessSomebodyAskedForNone() throws {
    #expect(try onTerminal(["TERM": "xterm"]).hasPrefix("\u{1B}[33m[WARNING]\u{1B}[0m "))
    #expect(try onTerminal(["TERM": "xterm", "NO_COLOR": ""]).hasPrefix("\u{1B}[33m"))
    for environment in [["TERM": "xterm", "NO_COLOR": "1"], ["TERM": "dumb"]] {
      #expect(try onTerminal(environment).hasPrefix("[WARNING] "))
    }
    #expect(try onTerminal(["TERM": "xterm"], "json").hasPrefix("{\"timestamp\":"))
  }

  @Test func aPipeIsNotColoured() throws {
    let pipe = Pipe()
    #expect(
      try runTool(logPeer, ["console", "people"], environment: ["TERM": "xterm"], errors: pipe.fileHandleForWriting)
        .code == 0)
    try pipe.fileHandleForWriting.close()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(text.hasPrefix("[WARNING] ") && text.hasSuffix(" [req:0000002a] Rate limit exceeded\n"))
  }
}

import AstroCore
import Foundation
import Glibc
import Logging
import Testing

@testable import AstroTelemetry

@Suite struct LogLineTests {
  private let fixture: LogFixture
  private let log: Logger

  init() throws {
    fixture = try LogFixture()
    log = fixture.logger()
  }

  @Test func aLineHasItsFieldsInTheirOrder() throws {
    let place = #line + 1
    log.info(
      "Task execution completed",
      metadata: [
        "zeta": "last", "duration_ms": .stringConvertible(1.5), "agent_id": "code_agent_001", "task_id": "t",
        "attempt": .stringConvertible(2), "success": .stringConvertible(true), "status": "succeeded",
        "user_id": "alice", "workflow_id": "w", "retry_after": .stringConvertible(3), "error": "none",
      ])
    let line = String(decoding: try #require(try fixture.rawLines().last), as: UTF8.self)
    let thread = try #require(try fixture.last()["thread"] as? Int)
    #expect(
      line == """
        {"timestamp":"2026-11-24T02:00:00.123Z","level":"INFO","logger":"astro","message":"Task execution completed",\
        "module":"AstroTelemetryTests","function":"aLineHasItsFieldsInTheirOrder()","line":\(place),\
        "thread":\(thread),"process":\(getpid()),"environment":"production","request_id":"req-0000002a",\
        "user_id":"alice","workflow_id":"w","task_id":"t","agent_id":"code_agent_001","attempt":2,"duration_ms":1.5,\
        "success":true,"status":"succeeded","error":"none","retry_after":3,"zeta":"last"}
        """)
  }

  @Test func aPlainLineHasTheFieldsThatAreAlwaysThereAndNoOthers() throws {
    log.info("Workflow submitted")
    #expect(
      try Set(fixture.last().keys) == [
        "timestamp", "level", "logger", "message", "module", "function", "line", "thread", "process", "environment",
        "request_id",
      ])
  }

  @Test(arguments: [
    (Logger.Level.trace, "DEBUG"), (.debug, "DEBUG"), (.info, "INFO"), (.notice, "INFO"), (.warning, "WARNING"),
    (.error, "ERROR"), (.critical, "CRITICAL"),
  ]) func levelsAreTheContracts(level: Logger.Level, word: String) throws {
    let fixture = try LogFixture(level: .trace)
    fixture.logger().log(level: level, "m")
    #expect(try fixture.last()["level"] as? String == word)
  }

  @Test func wordsAreLevelsInAnyCaseAndOthersAreNone() {
    #expect(
      ["DEBUG", "info", "Warning", "ERROR", "CRITICAL"].map { Logger.Level(word: $0) } == [
        .debug, .info, .warning, .error, .critical,
      ])
    #expect(["", "WARN", "TRACE", "NOTICE", "FATAL"].allSatisfy { Logger.Level(word: $0) == nil })
  }

  @Test func theLevelOfTheOutputRulesAlsoAfterItChanged() throws {
    fixture.output.setLevel(.warning)
    log.info("no")
    log.warning("yes")
    fixture.output.setLevel(.debug)
    log.debug("yes")
    var quiet = log
    quiet.logLevel = .error
    quiet.warning("no")
    #expect(try fixture.lines().map { $0["message"] as? String } == ["yes", "yes"])
  }

  static let hostile = [
    "", "\n", "a\nb\r\nc", "\u{0}\u{1}\u{1F}\u{7F}", "\u{80}\u{9B}31m\u{9F}", "\u{1B}[31mred\u{1B}]0;title\u{7}",
    "\u{202E}evil\u{2066}\u{200F}\u{061C}", "\u{2028}\u{2029}\u{85}", "\"quoted\" \\ back\\", "ü 漢字 🙂 e\u{301}",
    String(decoding: [0x61, 0xFF, 0xC0, 0xAF, 0xED, 0xA0, 0x80, 0xF4, 0x90], as: UTF8.self),
    "{\"level\":\"ERROR\"}\n{}",
    "a\u{FEFF}\u{FFFE}", String(repeating: "x", count: 1 << 20), String(repeating: "\u{1B}", count: 1 << 18),
  ]

  @Test(arguments: hostile) func hostileTextIsOneValidLineThatCannotReachATerminal(text: String) throws {
    log.info("\(text)", metadata: ["key\(text)": .string(text), "list": [.string(text), ["k": .string(text)]]])
    log.info("after")
    let raw = try fixture.rawLines()
    #expect(raw.count == 2)
    let line = try #require(try fixture.lines().first)
    // As they went, to the scalar.
    #expect((line["message"] as? String).map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
    #expect((line["key\(text)"] as? String).map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
    let scalars = String(decoding: raw[0], as: UTF8.self).unicodeScalars
    #expect(!scalars.contains { Terminal.isUnsafe($0) })
  }

  @Test func namesOfFieldsThatAreAlwaysThereAreNotTakenTwice() throws {
    log.info("m", metadata: ["message": "other", "level": "X", "timestamp": "T", "exception": "E", "request_id": "r"])
    let line = try fixture.last()
    #expect(line["message"] as? String == "m" && line["_message"] as? String == "other")
    #expect(line["level"] as? String == "INFO" && line["_level"] as? String == "X")
    #expect(line["_timestamp"] as? String == "T" && line["_exception"] as? String == "E")
    #expect(line["request_id"] as? String == "r")
    let names = String(decoding: try fixture.rawLines()[0], as: UTF8.self).components(separatedBy: "\"request_id\"")
    #expect(names.count == 2)
  }

  @Test func numbersAndTruthsStayWhatTheyAre() throws {
    log.info(
      "m",
      metadata: [
        "i": .stringConvertible(Int.min), "u": .stringConvertible(UInt64.max), "d": .stringConvertible(0.25),
        "whole": .stringConvertible(3.0), "f": .stringConvertible(Float(0.5)), "nan": .stringConvertible(Double.nan),
        "b": .stringConvertible(false), "s": .stringConvertible(WorkflowID(unchecked: "w")),
      ])
    let text = String(decoding: try fixture.rawLines()[0], as: UTF8.self)
    for part in [
      "\"i\":-9223372036854775808,", "\"u\":18446744073709551615", "\"d\":0.25,", "\"whole\":3}", "\"f\":0.5,",
      "\"nan\":null,", "\"b\":false,", "\"s\":\"w\",",
    ] { #expect(text.contains(part), "\(part)") }
    _ = try fixture.last()
  }

  private struct Mishap: Error, CustomStringConvertible { let description = "it\nbroke" }

  @Test func anErrorAddsItsTypeItsWordsAndItsPlace() throws {
    let place = #line + 1
    log.error("Task execution failed", error: Mishap())
    let exception = try #require(try fixture.last()["exception"] as? [String: Any])
    #expect(exception["type"] as? String == "Mishap" && exception["message"] as? String == "it\nbroke")
    #expect(
      exception["traceback"] as? [String]
        == ["AstroTelemetryTests/LogLineTests.swift:\(place) anErrorAddsItsTypeItsWordsAndItsPlace()"])
    log.error("Task execution failed")
    #expect(try fixture.last()["exception"] == nil)
  }

  @Test func aLineThatIsAskedToCarriesItsStack() throws {
    log.critical("Runner failed", metadata: ["stack_trace": .callStack()])
    let stack = try #require(try fixture.last()["stack_trace"] as? [String])
    // Frames name an image and an offset in it; the nearest are of this program.
    #expect(stack.allSatisfy { $0.firstMatch(of: /^[^ \/]+\+0x[0-9a-f]+( [^ ]+)?$/) != nil }, "\(stack)")
    let program = try #require(
      FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe").split(separator: "/").last)
    #expect(stack.prefix(2).allSatisfy { $0.hasPrefix("\(program)+0x") }, "\(stack)")
    log.critical("Runner failed")
    #expect(try fixture.last()["stack_trace"] == nil)
  }

  @Test func aTimedOperationIsOneLineOfItsCallersName() throws {
    let result = timed(logger: log, metadata: ["task_id": "t"]) { 42 }
    #expect(result == 42)
    #expect(throws: Mishap.self) { try timed(logger: log) { throw Mishap() } }
    let lines = try fixture.lines()
    #expect(lines.count == 2)
    for (line, level, status) in zip3(lines, ["DEBUG", "ERROR"], ["success", "failure"]) {
      #expect(line["level"] as? String == level && line["status"] as? String == status)
      #expect(line["function"] as? String == "aTimedOperationIsOneLineOfItsCallersName()")
      #expect(try #require(line["duration_ms"] as? Double) >= 0)
    }
    #expect(lines[0]["task_id"] as? String == "t" && lines[0]["message"] as? String == "Operation completed")
    #expect((lines[1]["exception"] as? [String: Any])?["message"] as? String == "it\nbroke")
  }

  private func zip3<A, B, C>(_ a: [A], _ b: [B], _ c: [C]) -> [(A, B, C)] {
    zip(a, zip(b, c)).map { ($0, $1.0, $1.1) }
  }

  // MARK: Whose work it is

  @Test func theContextIsOnEveryLineUnderItAndInheritedByChildTasks() async throws {
    let log = log
    await LogContext.with(userID: "alice") {
      await LogContext.with(workflowID: "w") {
        async let child: Void = { log.info("child") }()
        await child
        await withTaskGroup(of: Void.self) { group in group.addTask { log.info("grandchild") } }
      }
      LogContext.with(requestID: "req-ffffffff", userID: "bob") { log.info("other") }
      await Task.detached { log.info("detached") }.value
    }
    let lines = try fixture.lines()
    #expect(lines.map { $0["user_id"] as? String } == ["alice", "alice", "bob", nil])
    #expect(lines.map { $0["workflow_id"] as? String } == ["w", "w", nil, nil])
    #expect(
      lines.map { $0["request_id"] as? String } == [
        "req-0000002a", "req-0000002a", "req-ffffffff", "req-0000002a",
      ])
  }

  @Test func metadataSaysWhoseWorkItIsBeforeTheContextDoes() throws {
    LogContext.with(userID: "alice", workflowID: "w") { log.info("m", metadata: ["user_id": "bob"]) }
    #expect(try fixture.last()["user_id"] as? String == "bob")
    #expect(try fixture.last()["workflow_id"] as? String == "w")
  }

  @Test func theNearestMetadataWins() throws {
    var own = log
    own[metadataKey: "a"] = "own"
    own[metadataKey: "b"] = "own"
    own.info("m", metadata: ["a": "call"])
    #expect(try fixture.last()["a"] as? String == "call")
    #expect(try fixture.last()["b"] as? String == "own")
  }

  @Test func aRequestIsEightHexadecimalDigits() {
    var zero = Fixed(value: 0)
    #expect(LogContext.mintRequestID(using: &zero) == "req-00000000")
    var random = SystemRandomNumberGenerator()
    for _ in 0..<100 {
      #expect(LogContext.mintRequestID(using: &random).wholeMatch(of: /req-[0-9a-f]{8}/) != nil)
    }
  }

  private struct Fixed: RandomNumberGenerator {
    let value: UInt64
    mutating func next() -> UInt64 { value }
  }

  // MARK: Queries with jq

  @Test(arguments: [
    ("select(.agent_id == \"code_agent_001\")", ["one"]), ("select(.duration_ms > 1000)", ["two"]),
    ("select(.level == \"ERROR\")", ["three"]),
  ]) func jqFindsWhatTheContractPromises(query: String, expected: [String]) throws {
    let jq = "/usr/bin/jq"
    try #require(access(jq, X_OK) == 0, "jq is missing: make packages installs it")
    log.info("one", metadata: ["agent_id": "code_agent_001", "duration_ms": .stringConvertible(999.9)])
    log.info("two", metadata: ["agent_id": "other", "duration_ms": .stringConvertible(1000.1)])
    log.error("three", metadata: ["text": .string(Self.hostile.prefix(13).joined())])
    log.info("four", metadata: ["agent_id": .stringConvertible(1)])
    let result = try runTool(jq, ["-r", "\(query) | .message", fixture.path])
    #expect(result.code == 0)
    #expect(result.output.split(separator: "\n").map(String.init) == expected)
  }
}

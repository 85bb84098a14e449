import AstroCore
import AstroTestKit
import Foundation
import Testing

@testable import AstroAgents

/// What a program has printed, as its attempt's `stdout`, for whoever reads it.
struct PrintedAttempt {
  let directory = TemporaryDirectory()
  let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "a", number: 2)

  var files: AttemptFiles { AttemptFiles(key, runs: directory.path("")) }

  init(_ printed: String, asked: JSONValue = .null) throws {
    let folder = directory.path("w-1/tasks/a/2")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(printed.utf8).write(to: URL(fileURLWithPath: folder + "/stdout"))
    if asked != .null { try files.keepRequest(asked) }
  }

  func end(
    of agent: any ProgramAgent, exit: AttemptOutcome = .exited(0), promise: AttemptPromise = .init(),
    omitted: OmittedOutput = .none
  ) throws -> AttemptEnding {
    var end = AttemptEnding(
      key: key, outcome: exit, startedAt: .init(microseconds: 1), finishedAt: .init(microseconds: 2), duration: .zero,
      omitted: omitted)
    try agent.read(&end, files, promise: promise)
    return end
  }
}

@Suite struct ExecProtocolTests {
  private let agent = ExecAgent(command: ["worker", "-v"])

  private func outcome(_ printed: String, exit: AttemptOutcome = .exited(0), promising: [String] = []) throws
    -> AttemptOutcome
  {
    try PrintedAttempt(printed).end(of: agent, exit: exit, promise: .init(outputs: promising)).outcome
  }

  @Test func theRequestIsOneLineOfJSON() throws {
    let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "a", number: 2)
    let request = ProgramRequest(
      key: key, with: .map(["x": .list([.integer(1), .string("two\nlines")])]),
      directory: RunDirectory(key.workflow, in: "/data/runs"), environment: ["A": "b"])
    let process = try agent.process(for: request)
    #expect(process.arguments == ["worker", "-v"])
    #expect(process.environment == ["A": "b"])
    #expect(
      process.input == #"{"version":1,"workflow_id":"w-1","task_id":"a","attempt":2,"idempotency_key":"w-1/a","#
        + #""run_dir":"/data/runs/w-1/files","with":{"x":[1,"two\nlines"]}}"# + "\n")
  }

  @Test func aResultAmongProgressIsTaken() throws {
    let end = try PrintedAttempt(
      """
      {"type":"progress","message":"half","fraction":0.5}

      {"type":"result","status":"succeeded","outputs":{"n":3,"list":[1,"a"],"text":"x","none":null}}
      {"type":"progress"}
      """
    ).end(of: agent, promise: .init(outputs: ["n"]))
    #expect(end.outcome == .exited(0))
    #expect(end.outputs == ["n": "3", "list": #"[1,"a"]"#, "text": "x", "none": ""])
  }

  @Test func aResultThatFailedSaysWhy() throws {
    #expect(
      try outcome(#"{"type":"result","status":"failed","error":"no such region","message":"m"}"#)
        == .performed(.toolError, "no such region"))
    #expect(try outcome(#"{"type":"result","status":"failed","message":"m"}"#) == .performed(.toolError, "m"))
    #expect(
      try outcome(#"{"type":"result","status":"failed"}"#)
        == .performed(.toolError, "the program says that it failed"))
  }

  @Test func theExitCodeOverrulesAnyResult() throws {
    #expect(try outcome(#"{"type":"result","status":"succeeded"}"#, exit: .exited(3)) == .exited(3))
    #expect(try outcome("", exit: .signalled(9)) == .signalled(9))
  }

  @Test(arguments: [
    ("", "stdout holds no result: the program ended without one"),
    ("{\"type\":\"progress\"}\n", "stdout holds no result: the program ended without one"),
    ("hello\n", "stdout, line 1: JSON has an unexpected 'h' at offset 0"),
    ("\n[1]\n", "stdout, line 2: it is no JSON object"),
    (#"{"status":"succeeded"}"#, "stdout, line 1: 'type' is missing"),
    (#"{"type":"reslt"}"#, "stdout, line 1: unknown type 'reslt'"),
    (#"{"type":"result","status":"done"}"#, "stdout, line 1: 'status' is neither 'succeeded' nor 'failed'"),
    (#"{"type":"result","status":"succeeded","output":{}}"#, "stdout, line 1: unknown member 'output'"),
    (
      #"{"type":"result","status":"succeeded","outputs":[1]}"#, "stdout, line 1: 'outputs' is a list, and not a mapping"
    ),
    (
      #"{"type":"result","status":"succeeded","outputs":{"a b":1}}"#,
      "stdout, line 1: 'a b' is not a name of an output"
    ),
    (#"{"type":"progress","fraction":2}"#, "stdout, line 1: 'fraction' is no number from 0 to 1"),
    (#"{"type":"progress","message":3}"#, "stdout, line 1: 'message' is an integer, and not a text"),
    (
      "{\"type\":\"result\",\"status\":\"succeeded\"}\n{\"type\":\"result\",\"status\":\"failed\"}\n",
      "stdout, line 2: a second result"
    ),
  ])
  func anythingElseIsNoResult(_ printed: String, _ reason: String) throws {
    #expect(try outcome(printed) == .invalidOutput(reason))
  }

  @Test func aPromiseThatIsNotKeptIsNoSuccess() throws {
    #expect(
      try outcome(#"{"type":"result","status":"succeeded","outputs":{"b":1}}"#, promising: ["a"])
        == .invalidOutput("the promised output 'a' is not in the result"))
  }

  @Test func whatIsNotWholeIsNoResult() throws {
    let result = #"{"type":"result","status":"succeeded"}"#
    let cut = try PrintedAttempt(result).end(of: agent, omitted: .init(stdout: 1))
    #expect(cut.outcome == .invalidOutput("stdout holds more than 4 MiB, too much for a result"))
    let long = String(repeating: "\n", count: 4 << 20) + result
    #expect(try outcome(long) == .invalidOutput("stdout holds more than 4 MiB, too much for a result"))
    let broken = try PrintedAttempt(result)
    try Data([0x22, 0xFF, 0x0A]).write(to: URL(fileURLWithPath: broken.directory.path("w-1/tasks/a/2/stdout")))
    #expect(try broken.end(of: agent).outcome == .invalidOutput("stdout, line 1: it is not UTF-8"))
  }
}

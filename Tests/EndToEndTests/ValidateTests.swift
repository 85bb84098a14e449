import Foundation
import Testing

/// `astro validate` and `astro schema` as a person or a script calls them.
@Suite struct Validate {
  private struct Answer {
    var code: Int32
    var output: String
    var errors: String
  }

  private func astro(
    _ arguments: [String], in directory: String, input: String? = nil, environment: [String: String] = [:]
  ) throws -> Answer {
    let binary = try #require(
      ProcessInfo.processInfo.environment["ASTRO_BINARY"], "set ASTRO_BINARY, as make test does")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: binary)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    if let input {
      try Data(input.utf8).write(to: URL(fileURLWithPath: directory + "/.stdin"))
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: directory + "/.stdin"))
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    let complained = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Answer(
      code: process.terminationStatus, output: String(decoding: said, as: UTF8.self),
      errors: String(decoding: complained, as: UTF8.self))
  }

  private func inDirectory(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("astro-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    for (name, text) in files {
      let url = URL(fileURLWithPath: path + "/" + name)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    try body(path)
  }

  private static let good = "tasks: {a: {run: x}}\n"
  private static let bad = "nmae: x\ntasks: {a: {run: x, needs: [b]}}\n"

  @Test func aValidFileIsSaidToBe() throws {
    try inDirectory(["one.yaml": Self.good, "two.yaml": "tasks: {a: {run: x}, b: {run: y}}\n"]) { directory in
      let answer = try astro(["validate", "one.yaml", "two.yaml"], in: directory)
      #expect(answer.code == 0)
      #expect(answer.output == "one.yaml: valid, 1 task\ntwo.yaml: valid, 2 tasks\n")
      #expect(answer.errors == "")
    }
  }

  @Test func everyMistakeOfEveryFileIsSaidAtOnce() throws {
    try inDirectory(["bad.yaml": Self.bad, "good.yaml": Self.good]) { directory in
      let answer = try astro(["validate", "bad.yaml", "good.yaml"], in: directory)
      #expect(answer.code == 65)
      #expect(answer.output == "good.yaml: valid, 1 task\n")
      #expect(
        answer.errors == """
          bad.yaml:1:1: error: unknown key 'nmae'
            nmae: x
            ^~~~
            hint: did you mean 'name'?
          bad.yaml:2:29: error: task 'a' needs 'b', which is not a task
            tasks: {a: {run: x, needs: [b]}}
                                        ^
            hint: the tasks are a

          """)
    }
  }

  @Test func aFileThatCannotBeReadDoesNotKeepTheOthersFromBeingChecked() throws {
    try inDirectory(["bad.yaml": Self.bad, "good.yaml": Self.good]) { directory in
      let answer = try astro(["validate", "none.yaml", ".", "bad.yaml", "good.yaml"], in: directory)
      #expect(answer.code == 66)
      #expect(answer.output == "good.yaml: valid, 1 task\n")
      #expect(
        answer.errors.hasPrefix(
          "none.yaml: error: cannot be read: No such file or directory\n.: error: is not a regular file\nbad.yaml:1:1:")
      )
    }
  }

  @Test func scriptsReadJSON() throws {
    try inDirectory(["bad.yaml": "nmae: x\n" + Self.good, "warn.yaml": "tasks: {a: {run: [ls], shell: sh}}\n"]) {
      directory in
      let answer = try astro(["validate", "--json", "bad.yaml", "none.yaml", "warn.yaml"], in: directory)
      #expect(answer.code == 66)
      #expect(answer.errors == "")
      #expect(
        answer.output == """
          [{"file":"bad.yaml","valid":false,"tasks":null,"errors":[{"severity":"error","file":"bad.yaml","line":1,"column":1,\
          "code":"unknown_key","message":"unknown key 'nmae'","hint":"did you mean 'name'?"}]},\
          {"file":"none.yaml","valid":false,"tasks":null,"errors":[{"severity":"error","file":"none.yaml","line":0,"column":0,\
          "code":"unreadable","message":"cannot be read: No such file or directory"}]},\
          {"file":"warn.yaml","valid":true,"tasks":1,"errors":[{"severity":"warning","file":"warn.yaml","line":1,"column":31,\
          "code":"unused_key","message":"'shell' has no effect: 'run' is a list, which no shell reads"}]}]

          """)
    }
  }

  @Test func aDashIsStdin() throws {
    try inDirectory([:]) { directory in
      #expect(try astro(["validate", "-"], in: directory, input: Self.good).output == "-: valid, 1 task\n")
      let answer = try astro(["validate", "-"], in: directory, input: Self.bad)
      #expect(answer.code == 65)
      #expect(answer.errors.hasPrefix("-:1:1: error: unknown key 'nmae'\n"))
    }
  }

  @Test(.timeLimit(.minutes(1))) func whatNeverEndsIsNotReadForEver() throws {
    try inDirectory([:]) { directory in
      try FileManager.default.createSymbolicLink(atPath: directory + "/.stdin.link", withDestinationPath: "/dev/zero")
      #expect(mkfifo(directory + "/fifo", 0o600) == 0)
      let answer = try astro(["validate", ".stdin.link", "fifo"], in: directory)
      #expect(answer.code == 66)
      #expect(answer.errors == ".stdin.link: error: is not a regular file\nfifo: error: is not a regular file\n")
    }
  }

  @Test func aFilePastItsSizeIsInvalid() throws {
    try inDirectory(["big.yaml": ""]) { directory in
      #expect(truncate(directory + "/big.yaml", 67_108_865) == 0)
      let answer = try astro(["validate", "big.yaml"], in: directory)
      #expect(answer.code == 65)
      #expect(answer.errors == "big.yaml: error: has 67108865 bytes, 67108864 are allowed\n")
    }
  }

  @Test func inAHomeItsAgentsAreAsked() throws {
    let files = [
      "config/system_config.yaml": "system: {}\n",
      "config/agents.yaml": "agents: [{id: a1, type: command, capabilities: [shell]}]\n",
      "sub/w.yaml": "tasks:\n  a: {run: x, agent: a2}\n  b: {run: x, capabilities: [shel]}\n",
    ]
    try inDirectory(files) { directory in
      for (place, arguments) in [
        (directory + "/sub", ["validate", "w.yaml"]),
        ("/", ["validate", "--home", directory, directory + "/sub/w.yaml"]),
      ] {
        let answer = try astro(arguments, in: place)
        #expect(answer.code == 65)
        #expect(answer.errors.contains(":2:22: error: task 'a' asks for agent 'a2', which is not configured\n"))
        #expect(answer.errors.contains("  hint: did you mean 'a1'?\n"))
        #expect(answer.errors.contains(":3:30: error: task 'b' asks for the capability 'shel', which no agent has\n"))
        #expect(answer.errors.contains("  hint: did you mean 'shell'?\n"))
      }
    }
  }

  @Test func theAgentsAreAskedAlsoWhereOtherThingsAreWrong() throws {
    let files = [
      "config/system_config.yaml": "system: {}\n",
      "config/agents.yaml": "agents: [{id: a1, type: command, capabilities: [shell]}]\n",
      "w.yaml": "nmae: x\ntasks:\n  a: {run: x, agent: a2}\n  b: {run: x, neds: [a]}\n",
    ]
    try inDirectory(files) { directory in
      try FileManager.default.createDirectory(atPath: directory + "/spool", withIntermediateDirectories: true)
      try FileManager.default.createDirectory(atPath: directory + "/logs", withIntermediateDirectories: true)
      let messages = [
        "unknown key 'nmae'", "task 'a' asks for agent 'a2', which is not configured", "unknown key 'neds'",
      ]
      let answer = try astro(["validate", "w.yaml", "--json"], in: directory)
      #expect(answer.code == 65)
      func found(_ json: Any?) -> [String] {
        ((json as? [String: Any])?["errors"] as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
      }
      let verdicts = try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [Any]
      #expect(found(verdicts?.first) == messages)
      #expect(rename(directory + "/w.yaml", directory + "/spool/w.yaml") == 0)
      #expect(try astro(["drain"], in: directory).code == 0)
      let rejected = try FileManager.default.contentsOfDirectory(atPath: directory + "/spool/rejected")
      let receipt = try #require(rejected.first { $0.hasSuffix(".receipt.json") })
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/spool/rejected/\(receipt)"))
      #expect(found(try JSONSerialization.jsonObject(with: bytes)) == messages)
    }
  }

  @Test func aHomeThatWasNamedMustBeThereAndRight() throws {
    try inDirectory(["w.yaml": Self.good, "home/config/system_config.yaml": "systm: {}\n"]) { directory in
      let missing = try astro(["validate", "w.yaml"], in: directory, environment: ["ASTRO_HOME": "/nowhere"])
      #expect(missing.code == 78)
      #expect(missing.errors.contains("astro init /nowhere"))
      let wrong = try astro(["validate", "--home", "home", "w.yaml"], in: directory)
      #expect(wrong.code == 78)
      #expect(wrong.errors.contains("did you mean 'system'?"))
    }
  }

  @Test func schemaPrintsOneJSONDocument() throws {
    try inDirectory([:]) { directory in
      let answer = try astro(["schema"], in: directory)
      #expect(answer.code == 0)
      let schema = try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any]
      #expect(schema?["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    }
  }
}

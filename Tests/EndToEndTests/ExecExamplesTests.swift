import Foundation
import Testing

/// The agents of type exec that come with the project, in Python and as a shell script.
@Suite struct ExecExamplesTests {
  private func home() throws -> Home {
    let home = try Home(system: Home.unlimited)
    try home.write(
      """
      agents:
        - {id: shell_agent_001, type: command}
        - {id: csv_agent_001, type: exec, command: [python3, '\(Examples.directory)/csv-statistics.py'], capabilities: [csv]}
        - {id: digest_agent_001, type: exec, command: [sh, '\(Examples.directory)/tree-digest.sh'], capabilities: [digest]}

      """, to: "config/agents.yaml")
    return home
  }

  private func run(_ name: String, _ home: Home, _ params: String...) throws -> Command.Ending {
    try home.start(["run", "\(Examples.directory)/\(name)"] + params.flatMap { ["-p", $0] }).finish()
  }

  @Test func `the agent in Python tells the statistics of a column`() throws {
    let home = try home()
    #expect(try run("csv-statistics.yaml", home, "lines=700").code == 0)
    #expect(
      try home.astro("logs", "@latest", "summary").output == "700 rows, from 0.0 to 3.0, 1.500 on average\n")
    #expect(try run("csv-statistics.yaml", home, "lines=0").code == 1)
    #expect(
      try home.sql("SELECT outcome, message FROM attempt WHERE outcome = 'tool_error'").hasSuffix(
        "/files/load.csv has no rows"))
  }

  @Test func `the agent in shell gives a directory one digest`() throws {
    let home = try home()
    let tree = "\(home.path)/tree"
    try home.write("a\n", to: "tree/a file")
    try home.write("b\n", to: "tree/d/b")
    #expect(try run("tree-digest.yaml", home, "directory=\(tree)").code == 0)
    let said = try home.astro("logs", "@latest", "summary").output
    #expect(said.hasSuffix(" (2 files)\n"))
    let digest = try #require(said.split(separator: " ").first)
    #expect(try run("tree-digest.yaml", home, "directory=\(tree)", "expected=\(digest)").code == 0)
    try home.write("c\n", to: "tree/d/b")
    #expect(try run("tree-digest.yaml", home, "directory=\(tree)", "expected=\(digest)").code == 1)
    #expect(try run("tree-digest.yaml", home, "directory=\(tree)/none").code == 1)
    #expect(
      try home.sql("SELECT message FROM attempt WHERE outcome = 'tool_error'") == "there is no directory \(tree)/none")
  }

  @Test func `what is exchanged fits the schema that is printed`() throws {
    let home = try home()
    #expect(try run("csv-statistics.yaml", home, "lines=250000").code == 0)
    let printed = try home.astro("logs", "@latest", "statistics").output
    #expect(printed.lines.count >= 3)
    try home.write(try home.astro("schema", "--exec").output, to: "exec.json")
    try home.write(printed, to: "printed")
    let check = """
      import json, jsonschema
      schema = json.load(open('exec.json'))
      jsonschema.Draft202012Validator.check_schema(schema)
      message = jsonschema.Draft202012Validator({**schema, 'anyOf': [{'$ref': '#/$defs/message'}]})
      for line in open('printed'): message.validate(json.loads(line))
      request = jsonschema.Draft202012Validator({**schema, 'anyOf': [{'$ref': '#/$defs/request'}]})
      request.validate({'version': 1, 'workflow_id': 'w', 'task_id': 'a', 'attempt': 1, 'idempotency_key': 'w/a',
                        'run_dir': '/r', 'with': {'x': 1}})
      for wrong in [{'type': 'result'}, {'type': 'result', 'status': 'done'}, {'type': 'progress', 'fraction': 2},
                    {'type': 'result', 'status': 'failed', 'outputs': {'a b': 1}}]:
          assert not message.is_valid(wrong), wrong
      """
    let ending = try home.start("/usr/bin/python3", ["-c", check]).finish()
    #expect(ending.code == 0, "\(ending.errors)")
  }
}

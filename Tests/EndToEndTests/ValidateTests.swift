import Foundation
import Testing

/// `astro validate` and `astro schema` as a person or a script calls them.
@Suite struct Validate {
  private func astro(
    _ arguments: [String], in home: Home, at place: String? = nil, input: String = "",
    environment: [String: String] = [:]
  ) throws -> Command.Ending {
    try Command(home.astro, arguments, in: place ?? home.path, environment: environment, input: input).finish()
  }

  /// A directory with these files alone.
  private func directory(_ files: [String: String]) throws -> Home {
    let home = try Home(isMade: false)
    try #require(mkdir(home.path, 0o700) == 0)
    for (name, text) in files { try home.write(text, to: name) }
    return home
  }

  private static let good = "tasks: {a: {run: x}}\n"
  private static let bad = "nmae: x\ntasks: {a: {run: x, needs: [b]}}\n"

  @Test func aValidFileIsSaidToBe() throws {
    let home = try directory(["one.yaml": Self.good, "two.yaml": "tasks: {a: {run: x}, b: {run: y}}\n"])
    let answer = try astro(["validate", "one.yaml", "two.yaml"], in: home)
    #expect(answer.code == 0)
    #expect(answer.output == "one.yaml: valid, 1 task\ntwo.yaml: valid, 2 tasks\n")
    #expect(answer.errors == "")
  }

  @Test func everyMistakeOfEveryFileIsSaidAtOnce() throws {
    let home = try directory(["bad.yaml": Self.bad, "good.yaml": Self.good])
    let answer = try astro(["validate", "bad.yaml", "good.yaml"], in: home)
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

  @Test func aFileThatCannotBeReadDoesNotKeepTheOthersFromBeingChecked() throws {
    let home = try directory(["bad.yaml": Self.bad, "good.yaml": Self.good])
    let answer = try astro(["validate", "none.yaml", ".", "bad.yaml", "good.yaml"], in: home)
    #expect(answer.code == 66)
    #expect(answer.output == "good.yaml: valid, 1 task\n")
    #expect(
      answer.errors.hasPrefix(
        "none.yaml: error: cannot be read: No such file or directory\n.: error: is not a regular file\nbad.yaml:1:1:")
    )
  }

  @Test func scriptsReadJSON() throws {
    let home = try directory(["bad.yaml": "nmae: x\n" + Self.good, "warn.yaml": "tasks: {a: {run: [ls], shell: sh}}\n"])
    let answer = try astro(["validate", "--json", "bad.yaml", "none.yaml", "warn.yaml"], in: home)
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

  @Test func aDashIsStdin() throws {
    let home = try directory([:])
    #expect(try astro(["validate", "-"], in: home, input: Self.good).output == "-: valid, 1 task\n")
    let answer = try astro(["validate", "-"], in: home, input: Self.bad)
    #expect(answer.code == 65)
    #expect(answer.errors.hasPrefix("-:1:1: error: unknown key 'nmae'\n"))
  }

  @Test(.timeLimit(.minutes(1))) func whatNeverEndsIsNotReadForEver() throws {
    let home = try directory([:])
    try FileManager.default.createSymbolicLink(atPath: home.path + "/.stdin.link", withDestinationPath: "/dev/zero")
    #expect(mkfifo(home.path + "/fifo", 0o600) == 0)
    let answer = try astro(["validate", ".stdin.link", "fifo"], in: home)
    #expect(answer.code == 66)
    #expect(answer.errors == ".stdin.link: error: is not a regular file\nfifo: error: is not a regular file\n")
  }

  @Test func aFilePastItsSizeIsInvalid() throws {
    let home = try directory(["big.yaml": ""])
    #expect(truncate(home.path + "/big.yaml", 67_108_865) == 0)
    let answer = try astro(["validate", "big.yaml"], in: home)
    #expect(answer.code == 65)
    #expect(answer.errors == "big.yaml: error: has 67108865 bytes, 67108864 are allowed\n")
  }

  @Test func inAHomeItsAgentsAreAsked() throws {
    let files = [
      "config/system_config.yaml": "system: {}\n",
      "config/agents.yaml": "agents: [{id: a1, type: command, capabilities: [shell]}]\n",
      "sub/w.yaml": "tasks:\n  a: {run: x, agent: a2}\n  b: {run: x, capabilities: [shel]}\n",
    ]
    let home = try directory(files)
    for (place, arguments) in [
      (home.path + "/sub", ["validate", "w.yaml"]),
      ("/", ["validate", "--home", home.path, home.path + "/sub/w.yaml"]),
    ] {
      let answer = try astro(arguments, in: home, at: place)
      #expect(answer.code == 65)
      #expect(answer.errors.contains(":2:22: error: task 'a' asks for agent 'a2', which is not configured\n"))
      #expect(answer.errors.contains("  hint: did you mean 'a1'?\n"))
      #expect(answer.errors.contains(":3:30: error: task 'b' asks for the capability 'shel', which no agent has\n"))
      #expect(answer.errors.contains("  hint: did you mean 'shell'?\n"))
    }
  }

  private static let service = [
    "config/system_config.yaml": "system: {}\nlimits: {openai: {rate: 60/1m}}\n",
    "config/models.yaml": "models: [{model: gpt-4o-mini, input: 0.15, output: 0.60}]\n",
    "config/agents.yaml": """
    mcp_servers: {time: {command: [mcp-server-time]}}
    agents:
      - {id: shell, type: command, capabilities: [shell]}
      - {id: writer, type: llm, dialect: openai_chat, model: gpt-4o-mini, capabilities: [text], limits: [openai]}
      - {id: local, type: llm, dialect: openai_chat, base_url: 'http://127.0.0.1:8080/v1', model: tiny}
      - {id: web, type: http}

    """,
  ]

  @Test func tasksForAgentsOfOtherTypesAreChecked() throws {
    let good = """
      budget: {calls: 10}
      tasks:
        fetch: {agent: web, with: {url: 'https://example.org/a.json'}}
        write:
          needs: [fetch]
          agent: writer
          with: {prompt: 'Summarise: ${{ tasks.fetch.stdout }}', tools: [time.get_current_time]}
          budget: {usd: 0.10}
          limits: [openai]
          cache: {max_age: 7d}

      """
    let bad = """
      tasks:
        a: {agent: writer, with: {promt: x}}
        b: {agent: local, with: {prompt: x}, budget: {usd: 1}, limits: [opnai]}
        c: {agent: shell, with: {prompt: x}}

      """
    let home = try directory(Self.service.merging(["good.yaml": good, "bad.yaml": bad]) { first, _ in first })
    let answer = try astro(["validate", "good.yaml", "bad.yaml"], in: home)
    #expect(answer.code == 65)
    #expect(answer.output == "good.yaml: valid, 2 tasks\n")
    #expect(
      answer.errors == """
        bad.yaml:2:29: error: unknown key 'promt'
            a: {agent: writer, with: {promt: x}}
                                      ^~~~~
          hint: did you mean 'prompt'?
        bad.yaml:3:14: error: task 'b' has a budget in USD, but model 'tiny' has no price
            b: {agent: local, with: {prompt: x}, budget: {usd: 1}, limits: [opnai]
                       ^~~~~
          hint: give it one in config/models.yaml, 0 where it costs nothing
        bad.yaml:3:67: error: there is no limit 'opnai'
          al, with: {prompt: x}, budget: {usd: 1}, limits: [opnai]}
                                                            ^~~~~
          hint: did you mean 'openai'?
        bad.yaml:4:21: error: task 'c' has 'with', but agent 'shell' of type command takes 'run'
            c: {agent: shell, with: {prompt: x}}
                              ^~~~
          hint: write run: ..., or ask for an agent of another type

        """)
  }

  @Test func aModelWithoutAPriceIsAWarningWhereNoMoneyIsBounded() throws {
    let files = ["w.yaml": "tasks: {a: {agent: local, with: {prompt: x}}}\n"]
    let home = try directory(Self.service.merging(files) { first, _ in first })
    let answer = try astro(["validate", "w.yaml"], in: home)
    #expect(answer.code == 0)
    #expect(answer.output == "w.yaml: valid, 1 task\n")
    #expect(
      answer.errors == """
        w.yaml:1:20: warning: model 'tiny' has no price: what it costs is not known
          tasks: {a: {agent: local, with: {prompt: x}}}
                             ^~~~~
          hint: give it one in config/models.yaml, 0 where it costs nothing

        """)
  }

  @Test func theAgentsAreAskedAlsoWhereOtherThingsAreWrong() throws {
    let files = [
      "config/system_config.yaml": "system: {}\n",
      "config/agents.yaml": "agents: [{id: a1, type: command, capabilities: [shell]}]\n",
      "w.yaml": "nmae: x\ntasks:\n  a: {run: x, agent: a2}\n  b: {run: x, neds: [a]}\n",
    ]
    let home = try directory(files)
    for name in ["spool", "logs"] { try #require(mkdir("\(home.path)/\(name)", 0o700) == 0) }
    let messages = [
      "unknown key 'nmae'", "task 'a' asks for agent 'a2', which is not configured", "unknown key 'neds'",
    ]
    let answer = try astro(["validate", "w.yaml", "--json"], in: home)
    #expect(answer.code == 65)
    func found(_ json: [String: Any]?) -> [String] {
      (json?["errors"] as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
    }
    #expect(found(try answer.output.json([[String: Any]].self).first) == messages)
    #expect(rename(home.path + "/w.yaml", home.path + "/spool/w.yaml") == 0)
    #expect(try astro(["drain"], in: home).code == 0)
    #expect(found(try home.receipt(in: "rejected")) == messages)
  }

  @Test func whatAnAgentWouldRefuseIsSaidBeforeItRuns() throws {
    let bad = """
      params: {n: 5, file: a.txt}
      tasks:
        a:
          agent: writer
          with:
            prompt: 'Read ${{ params.file }}'
            files: [../secret]
            images: ['${{ params.file }}']
            output_schema: {type: objekt}
            max_turns: 100001
            max_tool_calls: '${{ params.n }}'
            tool_choice: time.now
            tools: [time.get_current_time]
        b: {agent: web, with: {url: 'https://x.org', extract: {status: a}}}

      """
    let home = try directory(Self.service.merging(["bad.yaml": bad]) { first, _ in first })
    let answer = try astro(["validate", "bad.yaml"], in: home)
    #expect(answer.code == 65)
    #expect(
      answer.errors == """
        bad.yaml:7:14: error: with.files: '../secret' is not a path below the run's files
                files: [../secret]
                       ^~~~~~~~~~~
        bad.yaml:9:22: error: with.output_schema: is no schema: /type: 'objekt' is no type
                output_schema: {type: objekt}
                               ^~~~~~~~~~~~~~
        bad.yaml:10:18: error: expected an integer from 1 to 100000, got 100001
                max_turns: 100001
                           ^~~~~~
        bad.yaml:12:20: error: with.tool_choice: must be auto, none, required or one of 'tools', not 'time.now'
                tool_choice: time.now
                             ^~~~~~~~
        bad.yaml:14:57: error: with.extract.status: every request has an output 'status' of its own
            b: {agent: web, with: {url: 'https://x.org', extract: {status: a}}}
                                                                  ^~~~~~~~~~~

        """)
  }

  @Test func aHomeThatWasNamedMustBeThereAndRight() throws {
    let home = try directory(["w.yaml": Self.good, "home/config/system_config.yaml": "systm: {}\n"])
    let missing = try astro(["validate", "w.yaml"], in: home, environment: ["ASTRO_HOME": "/nowhere"])
    #expect(missing.code == 78)
    #expect(missing.errors.contains("astro init /nowhere"))
    let wrong = try astro(["validate", "--home", "home", "w.yaml"], in: home)
    #expect(wrong.code == 78)
    #expect(wrong.errors.contains("did you mean 'system'?"))
  }

  @Test func schemaPrintsOneJSONDocument() throws {
    let home = try directory([:])
    let answer = try astro(["schema"], in: home)
    #expect(answer.code == 0)
    #expect(try answer.output.json()["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
  }
}

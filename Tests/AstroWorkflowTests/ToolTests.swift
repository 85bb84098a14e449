import AstroCore
import Testing

@testable import AstroWorkflow

/// Commands that a workflow declares for models.
@Suite struct Tools {
  private static let whole = ##"""
    params: {log: /var/log/syslog}
    env: {LIMIT: 20}
    tools:
      search:
        description: Lines of the log that hold a word.
        parameters: {type: object, required: [word], properties: {word: {type: string}, most: {type: integer}}}
        env: {WORD: '${{ args.word }}', MOST: '${{ default(args.most, env.LIMIT) }}', LOG: '${{ params.log }}'}
        run: grep -F -- "$WORD" "$LOG" | head -n "$MOST"
        timeout: 5s
        idempotent: true
      restart: {description: Restarts it., run: [systemctl, restart, 'app@${{ run.user }}']}
    tasks:
      a: {agent: llm, with: {prompt: x, tools: [search, restart, time.now]}}

    """##

  @Test func everyKeyArrivesInThePlan() throws {
    let tools = try plan(Self.whole).tools
    #expect(tools.map(\.name) == ["search", "restart"])
    let search = try #require(tools.first)
    #expect(search.description == "Lines of the log that hold a word.")
    #expect(
      search.run.map(\.constant) == ["/bin/sh", "-eu", "-c", #"grep -F -- "$WORD" "$LOG" | head -n "$MOST""#])
    #expect(search.env.map(\.name) == ["WORD", "MOST", "LOG"])
    #expect(search.timeout == .seconds(5) && search.isIdempotent)
    #expect(
      search.parameters
        == .map([
          "type": .string("object"), "required": .list([.string("word")]),
          "properties": .map([
            "word": .map(["type": .string("string")]), "most": .map(["type": .string("integer")]),
          ]),
        ]))
    let restart = tools[1]
    #expect(restart.timeout == .seconds(60) && !restart.isIdempotent)
    #expect(restart.parameters == .map(["type": .string("object")]))
  }

  @Test func resolvedAToolKnowsAllButItsArguments() throws {
    let tools = try plan(Self.whole).tools
    let context = ExpressionContext(root: { root in
      switch root {
      case .params: .map(["log": .string("/log")])
      case .env: .map(["LIMIT": .string("20")])
      case .run: .map(["user": .string("ann")])
      case .tasks, .secrets, .args, .matrix, .item: .null
      }
    })
    let search = try tools[0].resolved(in: context)
    #expect(
      try search.variables(for: .map(["word": .string("x")])) == ["WORD": "x", "MOST": "20", "LOG": "/log"])
    #expect(
      try search.variables(for: .map(["word": .string("x"), "most": .integer(3)]))
        == ["WORD": "x", "MOST": "3", "LOG": "/log"])
    #expect(try tools[1].resolved(in: context).run == ["systemctl", "restart", "app@ann"])
  }

  @Test func argumentsAreReadInTheEnvOfAToolAndNowhereElse() {
    #expect(
      rendered(
        ##"""
        tools:
          a:
            description: x
            parameters: {properties: {word: {type: string}}}
            run: [grep, '${{ args.word }}', '${{ toJSON(args) }}']
            env: {W: '${{ args.wrod }}', X: '${{ tasks.t.stdout }}', Y: '${{ secrets.S }}', Z: '${{ env.NONE }}'}
          b: {description: x, run: 'grep ${{ args.word }}'}
        secrets: {S: {env: S}}
        tasks:
          t: {run: x, env: {A: '${{ args.word }}'}}

        """##)
          == ##"""
          w.yaml:5:22: error: 'args' can only be read in the env of a tool
                run: [grep, '${{ args.word }}', '${{ toJSON(args) }}']
                                 ^~~~~~~~~
            hint: pass it through env: {WORD: "${{ args.word }}"}, and let the command read $WORD
          w.yaml:5:49: error: 'args' can only be read in the env of a tool
                run: [grep, '${{ args.word }}', '${{ toJSON(args) }}']
                                                            ^~~~
            hint: pass it through env: {ALL: "${{ args }}"}, and let the command read $ALL
          w.yaml:6:19: error: tool 'a' has no argument 'wrod'
                env: {W: '${{ args.wrod }}', X: '${{ tasks.t.stdout }}', Y: '${{ sec
                              ^~~~~~~~~
            hint: did you mean 'word'?
          w.yaml:6:42: error: 'tasks' can only be read inside a task
                env: {W: '${{ args.wrod }}', X: '${{ tasks.t.stdout }}', Y: '${{ sec
                                                     ^~~~~~~~~~~~~~
            hint: tell the model, which can hand it on as an argument
          w.yaml:6:70: error: a secret can only be read in the env of a task
            rgs.wrod }}', X: '${{ tasks.t.stdout }}', Y: '${{ secrets.S }}', Z: '${{
                                                              ^~~~~~~~~
            hint: a model decides what a tool does: it is given no secret, and can only read one that lies in a file
          w.yaml:6:93: error: there is no variable 'NONE' in the workflow's env
            asks.t.stdout }}', Y: '${{ secrets.S }}', Z: '${{ env.NONE }}'}
                                                              ^~~~~~~~
            hint: an env sees the env at the top of the file, not itself
          w.yaml:7:34: error: an expression cannot stand inside a shell script: its value could become code
              b: {description: x, run: 'grep ${{ args.word }}'}
                                             ^~~
            hint: pass it through env: {WORD: "${{ args.word }}"}, and write "$WORD" in the script
          w.yaml:10:29: error: 'args' can only be read in the env of a tool
              t: {run: x, env: {A: '${{ args.word }}'}}
                                        ^~~~~~~~~
            hint: args are what a model calls a tool with

          """##)
  }

  @Test func whatIsNoTool() {
    #expect(
      rendered(
        ##"""
        tools:
          look.up: {description: x, run: x}
          a: {description: '', runn: x}
          b: {description: x, run: [], parameters: {type: array, properties: {c: string}}}
          c: {description: x, run: ' ', parameters: [x]}
        tasks: {t: {run: x}}

        """##)
          == ##"""
          w.yaml:2:3: error: 'look.up' is not a tool's name
              look.up: {description: x, run: x}
              ^~~~~~~
            hint: at most 64 letters, digits, _ and -, beginning with a letter or _
          w.yaml:3:6: error: 'run' is missing
              a: {description: '', runn: x}
                 ^~~~~~~~~~~~~~~~~~~~~~~~~~
          w.yaml:3:20: error: the text is empty
              a: {description: '', runn: x}
                               ^~
          w.yaml:3:24: error: unknown key 'runn'
              a: {description: '', runn: x}
                                   ^~~~
            hint: did you mean 'run'?
          w.yaml:4:28: error: the command is empty
              b: {description: x, run: [], parameters: {type: array, properties: {c:
                                       ^~
          w.yaml:4:51: error: the arguments of a tool are an object, not 'array'
              b: {description: x, run: [], parameters: {type: array, properties: {c:
                                                              ^~~~~
            hint: write type: object, and each argument under 'properties'
          w.yaml:4:74: error: expected a JSON Schema, got 'string'
            un: [], parameters: {type: array, properties: {c: string}}}
                                                              ^~~~~~
            hint: write {type: string}
          w.yaml:5:28: error: tool 'c' has nothing to run
              c: {description: x, run: ' ', parameters: [x]}
                                       ^~~
          w.yaml:5:45: error: expected a JSON Schema, got a list
              c: {description: x, run: ' ', parameters: [x]}
                                                        ^~~
            hint: write {type: object, properties: {name: {type: string}}}

          """##)
  }

  @Test func aTaskNamesToolsThatThereAre() {
    #expect(
      rendered(
        ##"""
        tools: {search: {description: x, run: x}}
        tasks:
          a: {agent: llm, with: {prompt: x, tools: [serch, search, ./x, search]}}
          b: {agent: llm, with: {prompt: x, tools: [time.now, '${{ run.id }}']}}

        """##)
          == ##"""
          w.yaml:3:45: error: there is no tool 'serch'
              a: {agent: llm, with: {prompt: x, tools: [serch, search, ./x, search]}
                                                        ^~~~~
            hint: did you mean 'search'?
          w.yaml:3:60: error: there is no tool './x'
              a: {agent: llm, with: {prompt: x, tools: [serch, search, ./x, search]}
                                                                       ^~~
            hint: the tools are search
          w.yaml:3:65: error: tool 'search' is listed twice
            lm, with: {prompt: x, tools: [serch, search, ./x, search]}}
                                                              ^~~~~~

          """##)
    #expect(
      rendered("tasks: {a: {agent: llm, with: {prompt: x, tools: [search]}}}\n")
        == ##"""
        w.yaml:1:51: error: there is no tool 'search'
          tasks: {a: {agent: llm, with: {prompt: x, tools: [search]}}}
                                                            ^~~~~~
          hint: declare it under 'tools' at the top of the file, or write server.tool for one of mcp_servers

        """##)
  }
}

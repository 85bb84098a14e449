import AstroCore
import Testing

@testable import AstroWorkflow

/// What is said about a file in a home that has agents of every type.
@Suite struct SurroundingsDiagnostics {
  private static let home = Surroundings(
    agents: [
      AgentOffer(id: "shell", kind: .command, capabilities: ["shell"]),
      AgentOffer(id: "coder", kind: .command, capabilities: ["coding"], form: .with),
      AgentOffer(id: "writer", kind: .llm, capabilities: ["text", "any"], standard: "gpt-4o"),
      AgentOffer(id: "cheap", kind: .llm, standard: "own-model"), AgentOffer(id: "nomodel", kind: .llm),
      AgentOffer(id: "fallible", kind: .llm, standard: "gpt-4o", fallbackModels: ["own-model"]),
      AgentOffer(id: "web", kind: .http), AgentOffer(id: "api", kind: .http, standard: "https://x"),
      AgentOffer(id: "box", kind: .code), AgentOffer(id: "own", kind: .exec, capabilities: ["any"]),
      AgentOffer(id: "tool", kind: .mcp, standard: "x"), AgentOffer(id: "anytool", kind: .mcp),
    ],
    limits: ["openai": .init(boundsSpending: false), "spending": .init(boundsSpending: true)], servers: ["time"],
    pricedModels: ["gpt-*"])

  private func said(_ text: String, in home: Surroundings = Self.home) -> String {
    WorkflowParser.parse(Array(text.utf8), file: "w.yaml", in: home).diagnostics.map(\.rendered).joined()
  }

  @Test func whoTakesTheOtherForm() {
    #expect(
      said(
        ##"""
        defaults: {agent: writer}
        tasks:
          a: {run: x}
          b: {run: x, agent: web}
          c: {agent: shell, with: {prompt: x}}
          d: {agent: command, run: x, capabilities: [coding]}
          e: {agent: command, capabilities: [shell], with: {prompt: x}}
          f: {agent: coder, run: x}

        """##)
          == ##"""
          w.yaml:3:7: error: task 'a' has 'run', but agent 'writer' of type llm takes 'with'
              a: {run: x}
                  ^~~
            hint: write 'agent: command' in the task, or with: {prompt: ...}
          w.yaml:4:7: error: task 'b' has 'run', but agent 'web' of type http takes 'with'
              b: {run: x, agent: web}
                  ^~~
            hint: write with: {url: ...}
          w.yaml:5:21: error: task 'c' has 'with', but agent 'shell' of type command takes 'run'
              c: {agent: shell, with: {prompt: x}}
                                ^~~~
            hint: write run: ..., or ask for an agent of another type
          w.yaml:6:23: error: task 'd' has 'run', but agents of type command take 'with'
              d: {agent: command, run: x, capabilities: [coding]}
                                  ^~~
            hint: write with: {prompt: ...}
          w.yaml:7:46: error: task 'e' has 'with', but agents of type command take 'run'
              e: {agent: command, capabilities: [shell], with: {prompt: x}}
                                                         ^~~~
            hint: write run: ..., or ask for an agent of another type
          w.yaml:8:21: error: task 'f' has 'run', but agent 'coder' of type command takes 'with'
              f: {agent: coder, run: x}
                                ^~~
            hint: write with: {prompt: ...}

          """##)
  }

  @Test func capabilitiesOfTheOtherForm() {
    #expect(
      said(
        ##"""
        tasks:
          a: {run: x, capabilities: [text]}
          b: {with: {prompt: x}, capabilities: [shell]}
          c: {run: x, capabilities: [text, shell]}
          d: {run: x}

        """##)
          == ##"""
          w.yaml:2:7: error: task 'a' has 'run', but the agents with its capabilities take 'with'
              a: {run: x, capabilities: [text]}
                  ^~~
            hint: write with: {prompt: ...}
          w.yaml:3:7: error: task 'b' has 'with', but the agents with its capabilities take 'run'
              b: {with: {prompt: x}, capabilities: [shell]}
                  ^~~~
            hint: write run: ..., or ask for an agent of another type
          w.yaml:4:29: error: task 'c' asks for 'text', 'shell', which no agent has together
              c: {run: x, capabilities: [text, shell]}
                                        ^~~~~~~~~~~~~
            hint: the agents are shell (shell); coder (coding); writer (any, text); cheap; nomodel; fallible; web; api; and 4 more

          """##)
  }

  @Test func aTaskThatSaysNothingIsToldHow() {
    #expect(
      said(
        ##"""
        tasks:
          a: {agent: writer}
          b: {agent: web}
          c: {agent: box}
          d: {agent: own}
          e: {agent: tool}
          f: {agent: coder}
          g: {agent: shell}

        """##)
          == ##"""
          w.yaml:2:3: error: task 'a' has nothing to run
              a: {agent: writer}
              ^
            hint: say what it is to do: with: {prompt: ...}
          w.yaml:3:3: error: task 'b' has nothing to run
              b: {agent: web}
              ^
            hint: say what it is to do: with: {url: ...}
          w.yaml:4:3: error: task 'c' has nothing to run
              c: {agent: box}
              ^
            hint: say what it is to do: with: {language: python, code: ...}
          w.yaml:5:3: error: task 'd' has nothing to run
              d: {agent: own}
              ^
            hint: say what it is to do: with: {...}
          w.yaml:6:3: error: task 'e' has nothing to run
              e: {agent: tool}
              ^
            hint: say what it is to do: with: {tool: ..., arguments: {...}}
          w.yaml:7:3: error: task 'f' has nothing to run
              f: {agent: coder}
              ^
            hint: say what it is to do: with: {prompt: ...}
          w.yaml:8:3: error: task 'g' has nothing to run
              g: {agent: shell}
              ^
            hint: give it a script or a command: 'run: ...'

          """##)
  }

  @Test func requestsAreReadInTheWordsOfTheAgentsType() {
    #expect(
      said(
        ##"""
        tasks:
          a: {agent: writer, with: {promt: x}}
          b: {capabilities: [text], with: {prompt: x, urll: y}}
          c: {capabilities: [any], with: {whatever: x}}
          d: {agent: box, with: {language: python}}

        """##)
          == ##"""
          w.yaml:2:29: error: unknown key 'promt'
              a: {agent: writer, with: {promt: x}}
                                        ^~~~~
            hint: did you mean 'prompt'?
          w.yaml:3:47: error: unknown key 'urll'
              b: {capabilities: [text], with: {prompt: x, urll: y}}
                                                          ^~~~
            hint: valid keys: model, system, prompt, messages, files, images, max_output_tokens, temperature, top_p, top_k, seed, stop, output_schema, on_invalid_output, max_turns, max_tool_calls, max_cost_usd, tools, tool_choice
          w.yaml:5:25: error: 'code' or 'file' is missing
              d: {agent: box, with: {language: python}}
                                    ^~~~~~~~~~~~~~~~~~

          """##)
  }

  @Test func limitsAreThoseOfTheHome() {
    #expect(
      said(
        ##"""
        defaults: {limits: [opnai]}
        tasks:
          a: {run: x, limits: [openai, quantum]}
          b: {run: x}
          c: {run: x, limits: [spending]}

        """##)
          == ##"""
          w.yaml:1:21: error: there is no limit 'opnai'
            defaults: {limits: [opnai]}
                                ^~~~~
            hint: did you mean 'openai'?
          w.yaml:3:32: error: there is no limit 'quantum'
              a: {run: x, limits: [openai, quantum]}
                                           ^~~~~~~
            hint: the limits are openai, spending

          """##)
  }

  @Test func serversAreThoseOfTheHome() {
    #expect(
      said(
        ##"""
        tasks:
          a: {agent: anytool, with: {tool: x}}
          b: {agent: anytool, with: {tool: x, server: tim}}
          c: {agent: anytool, with: {tool: x, server: '${{ run.id }}'}}
          d: {agent: tool, with: {tool: x}}
          e: {agent: writer, with: {prompt: x, tools: [tiem.x, time.x, '${{ run.id }}']}}

        """##)
          == ##"""
          w.yaml:2:29: error: task 'a' names no server, and agent 'anytool' has none
              a: {agent: anytool, with: {tool: x}}
                                        ^~~~~~~~~
            hint: add 'server', one of mcp_servers in config/agents.yaml
          w.yaml:3:47: error: there is no server 'tim'
              b: {agent: anytool, with: {tool: x, server: tim}}
                                                          ^~~
            hint: did you mean 'time'?
          w.yaml:6:48: error: there is no server 'tiem'
              e: {agent: writer, with: {prompt: x, tools: [tiem.x, time.x, '${{ run.
                                                           ^~~~~~
            hint: did you mean 'time'?

          """##)
  }

  @Test func aPathNeedsABase() {
    #expect(
      said(
        ##"""
        tasks:
          a: {agent: web, with: {url: /x}}
          b: {agent: api, with: {url: /x}}

        """##)
          == ##"""
          w.yaml:2:31: error: '/x' is a path only, and agent 'web' has no base_url
              a: {agent: web, with: {url: /x}}
                                          ^~
            hint: write https://host/path

          """##)
  }

  @Test func aModelIsNamedSomewhere() {
    #expect(
      said(
        ##"""
        tasks:
          a: {agent: nomodel, with: {prompt: x}}
          b: {agent: nomodel, with: {prompt: x, model: gpt-4o}}

        """##)
          == ##"""
          w.yaml:2:29: error: task 'a' names no model, and agent 'nomodel' has none
              a: {agent: nomodel, with: {prompt: x}}
                                        ^~~~~~~~~~~
            hint: add 'model'

          """##)
  }

  @Test func moneyIsBoundedOnlyWhereItIsKnown() {
    #expect(
      said(
        ##"""
        budget: {calls: 5}
        tasks:
          a: {agent: cheap, with: {prompt: x}, budget: {usd: 1}}
          b: {agent: writer, with: {prompt: x, model: my-model}, budget: {usd: 1}}
          c: {agent: cheap, with: {prompt: x, max_cost_usd: 1}}
          d: {agent: cheap, with: {prompt: x}, limits: [spending]}
          e: {agent: writer, with: {prompt: x}, budget: {usd: 1}}
          f: {agent: cheap, with: {prompt: x}, budget: {tokens: 5}}
          g: {agent: cheap, with: {prompt: x}}
          h: {agent: cheap, with: {prompt: x, model: '${{ run.name }}'}, budget: {usd: 1}}
          i: {agent: fallible, with: {prompt: x}, budget: {usd: 1}}

        """##)
          == ##"""
          w.yaml:3:14: error: task 'a' has a budget in USD, but model 'own-model' has no price
              a: {agent: cheap, with: {prompt: x}, budget: {usd: 1}}
                         ^~~~~
            hint: give it one in config/models.yaml, 0 where it costs nothing
          w.yaml:4:47: error: task 'b' has a budget in USD, but model 'my-model' has no price
              b: {agent: writer, with: {prompt: x, model: my-model}, budget: {usd: 1
                                                          ^~~~~~~~
            hint: give it one in config/models.yaml, 0 where it costs nothing
          w.yaml:5:14: error: task 'c' has max_cost_usd, but model 'own-model' has no price
              c: {agent: cheap, with: {prompt: x, max_cost_usd: 1}}
                         ^~~~~
            hint: give it one in config/models.yaml, 0 where it costs nothing
          w.yaml:6:14: error: limit 'spending' bounds spending, but model 'own-model' has no price
              d: {agent: cheap, with: {prompt: x}, limits: [spending]}
                         ^~~~~
            hint: give it one in config/models.yaml, 0 where it costs nothing
          w.yaml:8:14: warning: model 'own-model' has no price: what it costs is not known
              f: {agent: cheap, with: {prompt: x}, budget: {tokens: 5}}
                         ^~~~~
            hint: give it one in config/models.yaml, 0 where it costs nothing
          w.yaml:11:14: error: task 'i' has a budget in USD, but model 'own-model' has no price
              i: {agent: fallible, with: {prompt: x}, budget: {usd: 1}}
                         ^~~~~~~~
            hint: give it one in config/models.yaml, 0 where it costs nothing

          """##)
  }

  @Test func theRunsMoneyIsBoundedForEachTask() {
    #expect(
      said(
        ##"""
        budget: {usd: 1}
        tasks:
          a: {agent: llm, with: {prompt: x}}
          b: {run: x}

        """##)
          == ##"""
          w.yaml:3:14: error: the run has a budget in USD, but model 'own-model' has no price
              a: {agent: llm, with: {prompt: x}}
                         ^~~
            hint: give it one in config/models.yaml, 0 where it costs nothing

          """##)
  }

  @Test func aBudgetOfAllRunsBoundsMoneyToo() {
    var home = Self.home
    home.spendingBudget = "daily"
    #expect(
      said("tasks: {a: {agent: cheap, with: {prompt: x}}}\n", in: home)
        .hasPrefix("w.yaml:1:20: error: budget 'daily' bounds spending, but model 'own-model' has no price\n"))
  }

  @Test func whatIsRightIsNotReported() {
    #expect(
      said(
        """
        secrets: {K: {env: KEY}}
        budget: {calls: 5}
        tasks:
          a: {run: x}
          b: {run: x, agent: command}
          c: {agent: command, with: {prompt: x}}
          d: {agent: writer, with: {prompt: x, tools: [time.now]}, budget: {usd: 1}, limits: [openai, spending]}
          e: {agent: exec, with: {x: '${{ secrets.K }}'}}
          f: {agent: api, with: {url: /x, headers: {A: '${{ secrets.K }}'}}}
          g: {agent: mcp, with: {tool: x, server: time, arguments: {k: '${{ secrets.K }}'}}}
          h: {capabilities: [any], with: {whatever: x}}
          i: {agent: box, with: {language: python, code: x}, env: {K: '${{ secrets.K }}'}}

        """) == "")
  }
}

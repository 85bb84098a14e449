import AstroCore
import Testing

@testable import AstroWorkflow

@Suite struct AgentOffers {
  private static let agents = [
    AgentOffer(id: "shell_agent_001", kind: .command, capabilities: ["shell", "fast"]),
    AgentOffer(id: "gpu_agent", kind: .command, capabilities: ["gpu"]),
    AgentOffer(id: "bare", kind: .command),
  ]

  private func said(_ text: String, agents: [AgentOffer] = Self.agents) -> String {
    WorkflowParser.parse(Array(text.utf8), file: "w.yaml", in: Surroundings(agents: agents)).diagnostics.map(\.rendered)
      .joined()
  }

  @Test func whatSomeAgentCanTakeIsNotReported() {
    #expect(
      said(
        """
        tasks:
          any: {run: x}
          id: {run: x, agent: gpu_agent}
          kind: {run: x, agent: command, capabilities: [fast, shell]}
          none: {run: x, agent: bare, capabilities: []}

        """) == "")
  }

  @Test func anUnknownAgentNamesTheNearest() {
    #expect(
      said("tasks:\n  a:\n    run: x\n    agent: shel_agent_001\n  b: {run: x, agent: comand}\n") == """
        w.yaml:4:12: error: task 'a' asks for agent 'shel_agent_001', which is not configured
              agent: shel_agent_001
                     ^~~~~~~~~~~~~~
          hint: did you mean 'shell_agent_001'?
        w.yaml:5:22: error: task 'b' asks for agent 'comand', which is not configured
            b: {run: x, agent: comand}
                               ^~~~~~
          hint: did you mean 'command'?

        """)
  }

  @Test func anAgentNearToNoneListsThem() {
    #expect(
      said("tasks: {a: {run: x, agent: llm}}\n") == """
        w.yaml:1:28: error: task 'a' asks for agent 'llm', which is not configured
          tasks: {a: {run: x, agent: llm}}
                                     ^~~
          hint: the agents are shell_agent_001 (fast, shell); gpu_agent (gpu); bare

        """)
  }

  @Test func anUnknownCapabilityIsMarkedAndNamesTheNearest() {
    #expect(
      said("tasks: {a: {run: x, capabilities: [shell, fsat]}, b: {run: x, capabilities: [quantum]}}\n") == """
        w.yaml:1:43: error: task 'a' asks for the capability 'fsat', which no agent has
          tasks: {a: {run: x, capabilities: [shell, fsat]}, b: {run: x, capabiliti
                                                    ^~~~
          hint: did you mean 'fast'?
        w.yaml:1:78: error: task 'b' asks for the capability 'quantum', which no agent has
          ities: [shell, fsat]}, b: {run: x, capabilities: [quantum]}}
                                                            ^~~~~~~
          hint: the agents are shell_agent_001 (fast, shell); gpu_agent (gpu); bare

        """)
  }

  @Test func whatANamedAgentLacksIsSaidOfIt() {
    #expect(
      said("tasks: {a: {run: x, agent: gpu_agent, capabilities: [gpu, shell]}}\n") == """
        w.yaml:1:59: error: task 'a' asks for the capability 'shell', which agent 'gpu_agent' does not have
          tasks: {a: {run: x, agent: gpu_agent, capabilities: [gpu, shell]}}
                                                                    ^~~~~
          hint: the agents are gpu_agent (gpu)

        """)
  }

  @Test func capabilitiesThatNoAgentHasTogether() {
    #expect(
      said("tasks: {a: {run: x, capabilities: [gpu, shell]}}\n") == """
        w.yaml:1:35: error: task 'a' asks for 'gpu', 'shell', which no agent has together
          tasks: {a: {run: x, capabilities: [gpu, shell]}}
                                            ^~~~~~~~~~~~
          hint: the agents are shell_agent_001 (fast, shell); gpu_agent (gpu); bare

        """)
  }

  @Test func whatTheDefaultsAskForIsMarkedThereAndSaidForEachTask() {
    #expect(
      said("defaults: {agent: nobody}\ntasks: {a: {run: x}, b: {run: x, agent: bare}, c: {run: x}}\n") == """
        w.yaml:1:19: error: task 'a' asks for agent 'nobody', which is not configured
          defaults: {agent: nobody}
                            ^~~~~~
          hint: the agents are shell_agent_001 (fast, shell); gpu_agent (gpu); bare
        w.yaml:1:19: error: task 'c' asks for agent 'nobody', which is not configured
          defaults: {agent: nobody}
                            ^~~~~~
          hint: the agents are shell_agent_001 (fast, shell); gpu_agent (gpu); bare

        """)
  }

  @Test func otherMistakesHideNoneAndTheOrderIsThatOfTheFile() {
    #expect(
      said(
        """
        tasks:
          a: {run: x, agent: nobody, colour: red}
          b: text
          c: {run: x, capabilities: [quantum], needs: [d]}

        """
      ).split(separator: "\n").filter { $0.contains("error:") } == [
        "w.yaml:2:22: error: task 'a' asks for agent 'nobody', which is not configured",
        "w.yaml:2:30: error: unknown key 'colour'",
        "w.yaml:3:6: error: expected a mapping, got 'text'",
        "w.yaml:4:30: error: task 'c' asks for the capability 'quantum', which no agent has",
        "w.yaml:4:48: error: task 'c' needs 'd', which is not a task",
      ])
  }

  @Test func manyAgentsAreNotAllListed() {
    let agents = (0..<20).map { AgentOffer(id: "a\($0)", kind: .command, capabilities: []) }
    #expect(
      said("tasks: {a: {run: x, agent: nobody}}\n", agents: agents)
        .hasSuffix("hint: the agents are a0; a1; a2; a3; a4; a5; a6; a7; and 12 more\n"))
  }
}

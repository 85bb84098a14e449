import Testing

@testable import AstroConfiguration

/// What is said about agents.yaml and models.yaml.
@Suite struct AgentsDiagnostics {
  @Test func anUnknownKeyNamesTheNearest() throws {
    #expect(
      try said(
        agents: ##"""
          agent: []

          """##)
          == ##"""
          config/agents.yaml:1:1: error: unknown key 'agent'
            agent: []
            ^~~~~
            hint: did you mean 'agents'?

          """##)
  }

  @Test func anUnknownKeyOfAnAgent() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - id: a
              type: command
              capabilites: [shell]
              base_url: x
              limits: [x]

          """##)
          == ##"""
          config/agents.yaml:4:5: error: unknown key 'capabilites'
                capabilites: [shell]
                ^~~~~~~~~~~
            hint: did you mean 'capabilities'?
          config/agents.yaml:5:5: error: unknown key 'base_url'
                base_url: x
                ^~~~~~~~
            hint: it is a key of agents of type llm
          config/agents.yaml:6:14: error: there is no limit 'x'
                limits: [x]
                         ^
            hint: there are no limits in config/system_config.yaml

          """##)
  }

  @Test func agentsAreAList() throws {
    #expect(
      try said(
        agents: ##"""
          agents: {a: {type: command}}

          """##)
          == ##"""
          config/agents.yaml:1:9: error: expected a list of agents, got a mapping
            agents: {a: {type: command}}
                    ^~~~~~~~~~~~~~~~~~~~
            hint: each begins with '- id: ...'

          """##)
  }

  @Test func noAgents() throws {
    #expect(
      try said(
        agents: ##"""
          agents: []

          """##)
          == ##"""
          config/agents.yaml:1:9: error: without agents nothing can run
            agents: []
                    ^~
            hint: remove 'agents' to have the one there is by itself, shell_agent_001

          """##)
  }

  @Test func anAgentIsAMapping() throws {
    #expect(
      try said(
        agents: ##"""
          agents: [shell_agent_001]

          """##)
          == ##"""
          config/agents.yaml:1:10: error: expected a mapping, got 'shell_agent_001'
            agents: [shell_agent_001]
                     ^~~~~~~~~~~~~~~

          """##)
  }

  @Test func whatAnAgentMustSay() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - capabilities: [shell]
            - {id: a}
            - {type: command}

          """##)
          == ##"""
          config/agents.yaml:2:5: error: 'id' is missing
              - capabilities: [shell]
                ^
          config/agents.yaml:2:5: error: 'type' is missing
              - capabilities: [shell]
                ^
          config/agents.yaml:3:5: error: 'type' is missing
              - {id: a}
                ^~~~~~~
          config/agents.yaml:4:5: error: 'id' is missing
              - {type: command}
                ^~~~~~~~~~~~~~~

          """##)
  }

  @Test func anAgentDefinedTwice() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: command}
            - {id: b, type: command}
            - {id: a, type: command}

          """##)
          == ##"""
          config/agents.yaml:4:10: error: agent 'a' is already defined in line 2
              - {id: a, type: command}
                     ^

          """##)
  }

  @Test func unknownTypes() throws {
    #expect(
      try said(
        agents: ##"""
          agents: [{id: a, type: comand}, {id: b, type: robot}]

          """##)
          == ##"""
          config/agents.yaml:1:24: error: unknown agent type 'comand'
            agents: [{id: a, type: comand}, {id: b, type: robot}]
                                   ^~~~~~
            hint: did you mean 'command'?
          config/agents.yaml:1:47: error: unknown agent type 'robot'
            agents: [{id: a, type: comand}, {id: b, type: robot}]
                                                          ^~~~~
            hint: the types are command, code, llm, http, exec, mcp, slurm

          """##)
  }

  @Test func aTypeOfALaterVersion() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - id: cluster
              type: slurm
              partition: long

          """##)
          == ##"""
          config/agents.yaml:3:11: error: agent type 'slurm' is not supported yet
                type: slurm
                      ^~~~~

          """##)
  }

  @Test func idsThatAreNone() throws {
    #expect(
      try said(
        agents: ##"""
          agents: [{id: '', type: command}, {id: 'a b', type: command}, {id: 5, type: command}, {id: command, type: command}]

          """##)
          == ##"""
          config/agents.yaml:1:15: error: '' is not an agent's id
            agents: [{id: '', type: command}, {id: 'a b', type: command}, {id: 5, ty
                          ^~
            hint: at most 64 letters, digits, '_', '-' and '.'
          config/agents.yaml:1:40: error: 'a b' is not an agent's id
            agents: [{id: '', type: command}, {id: 'a b', type: command}, {id: 5, ty
                                                   ^~~~~
            hint: at most 64 letters, digits, '_', '-' and '.'
          config/agents.yaml:1:68: error: expected a string, got 5
             type: command}, {id: 'a b', type: command}, {id: 5, type: command}, {id
                                                              ^
            hint: quote it: '5'
          config/agents.yaml:1:92: error: 'command' is a type of agent and cannot be an id
             b', type: command}, {id: 5, type: command}, {id: command, type: command
                                                              ^~~~~~~

          """##)
  }

  @Test func valuesOfTheWrongType() throws {
    #expect(
      try said(
        agents: ##"""
          agents: [{id: a, type: command, capabilities: shell, max_concurrent: 0}, {id: b, type: 5, capabilities: [1, '']}]

          """##)
          == ##"""
          config/agents.yaml:1:47: error: expected a list of capabilities, got 'shell'
            agents: [{id: a, type: command, capabilities: shell, max_concurrent: 0},
                                                          ^~~~~
            hint: write a list: ['shell']
          config/agents.yaml:1:70: error: expected an integer from 1 to 10000, got 0
            pe: command, capabilities: shell, max_concurrent: 0}, {id: b, type: 5, c
                                                              ^
          config/agents.yaml:1:88: error: expected a string, got 5
            ilities: shell, max_concurrent: 0}, {id: b, type: 5, capabilities: [1, '
                                                              ^
            hint: quote it: '5'
          config/agents.yaml:1:106: error: expected a string, got 1
            x_concurrent: 0}, {id: b, type: 5, capabilities: [1, '']}]
                                                              ^
            hint: quote it: '1'
          config/agents.yaml:1:109: error: the capability's name is empty
            oncurrent: 0}, {id: b, type: 5, capabilities: [1, '']}]
                                                              ^~

          """##)
  }

  @Test func aModelsFileThatIsBroken() throws {
    #expect(
      try said(
        models: ##"""
          models: [

          """##)
          == ##"""
          config/models.yaml:1:10: error: a value is expected here
            models: [
                     ^

          """##)
  }
}

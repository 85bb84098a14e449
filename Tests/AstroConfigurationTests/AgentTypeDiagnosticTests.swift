import Testing

@testable import AstroConfiguration

/// What is said about agents of each type.
@Suite struct AgentTypeDiagnostics {
  @Test func theDialectIsRequiredAndKnown() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: llm}
            - {id: b, type: llm, dialect: openai}

          """##)
          == ##"""
          config/agents.yaml:2:5: error: 'dialect' is missing
              - {id: a, type: llm}
                ^~~~~~~~~~~~~~~~~~
          config/agents.yaml:3:33: error: expected one of openai_chat, openai_responses, anthropic_messages, got 'openai'
              - {id: b, type: llm, dialect: openai}
                                            ^~~~~~

          """##)
  }

  @Test func keysOfAnotherType() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: http, dialect: openai_chat, allow_host: [x]}
            - {id: b, type: llm, sandbox: {}, base_urll: x}
            - {id: c, type: code, command: [x]}

          """##)
          == ##"""
          config/agents.yaml:2:25: error: unknown key 'dialect'
              - {id: a, type: http, dialect: openai_chat, allow_host: [x]}
                                    ^~~~~~~
            hint: it is a key of agents of type llm
          config/agents.yaml:2:47: error: unknown key 'allow_host'
              - {id: a, type: http, dialect: openai_chat, allow_host: [x]}
                                                          ^~~~~~~~~~
            hint: did you mean 'allow_hosts'?
          config/agents.yaml:3:5: error: 'dialect' is missing
              - {id: b, type: llm, sandbox: {}, base_urll: x}
                ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
          config/agents.yaml:3:24: error: unknown key 'sandbox'
              - {id: b, type: llm, sandbox: {}, base_urll: x}
                                   ^~~~~~~
            hint: it is a key of agents of type code
          config/agents.yaml:3:37: error: unknown key 'base_urll'
              - {id: b, type: llm, sandbox: {}, base_urll: x}
                                                ^~~~~~~~~
            hint: did you mean 'base_url'?
          config/agents.yaml:4:25: error: unknown key 'command'
              - {id: c, type: code, command: [x]}
                                    ^~~~~~~
            hint: it is a key of agents of type command

          """##)
  }

  @Test func aKeyIsNeverWrittenItself() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: llm, dialect: openai_chat, api_key: sk-1}
            - {id: b, type: llm, dialect: openai_chat, api_key: {}}
            - {id: c, type: llm, dialect: openai_chat, api_key: {env: A, file: b}}
            - {id: d, type: llm, dialect: openai_chat, api_key: {env: 'A B'}}
            - {id: e, type: llm, dialect: openai_chat, api_key: {file: ''}}

          """##)
          == ##"""
          config/agents.yaml:2:55: error: say where the key is, not what it is
              - {id: a, type: llm, dialect: openai_chat, api_key: sk-1}
                                                                  ^~~~
            hint: write {env: VARIABLE} or {file: path}
          config/agents.yaml:3:55: error: it is not said where the key is
              - {id: b, type: llm, dialect: openai_chat, api_key: {}}
                                                                  ^~
            hint: write {env: VARIABLE} or {file: path}
          config/agents.yaml:4:70: error: the key has two places
            lm, dialect: openai_chat, api_key: {env: A, file: b}}
                                                              ^
            hint: remove one: 'env' or 'file'
          config/agents.yaml:5:61: error: 'A B' is not the name of an environment variable
              - {id: d, type: llm, dialect: openai_chat, api_key: {env: 'A B'}}
                                                                        ^~~~~
            hint: letters, digits and _, beginning with a letter or _
          config/agents.yaml:6:62: error: '' is not a path
             type: llm, dialect: openai_chat, api_key: {file: ''}}
                                                              ^~

          """##)
  }

  @Test func urlsThatAreNone() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: llm, dialect: openai_chat, base_url: api.openai.com}
            - {id: b, type: llm, dialect: openai_chat, base_url: 'https://me:key@host/v1'}
            - {id: c, type: llm, dialect: openai_chat, base_url: 'https://host/v1?key=1'}
            - {id: d, type: llm, dialect: openai_chat, proxy: proxy:3128}
            - {id: e, type: http, base_url: 'http://'}

          """##)
          == ##"""
          config/agents.yaml:2:56: error: 'api.openai.com' is not the beginning of a URL
              - {id: a, type: llm, dialect: openai_chat, base_url: api.openai.com}
                                                                   ^~~~~~~~~~~~~~
            hint: such as https://api.openai.com/v1
          config/agents.yaml:3:56: error: a URL with a user or a key in it would be shown in logs
              - {id: b, type: llm, dialect: openai_chat, base_url: 'https://me:key@h
                                                                   ^~~~~~~~~~~~~~~~~
            hint: give the key apart: api_key: {env: VARIABLE}, or a header
          config/agents.yaml:4:56: error: 'https://host/v1?key=1' is not the beginning of a URL
              - {id: c, type: llm, dialect: openai_chat, base_url: 'https://host/v1?
                                                                   ^~~~~~~~~~~~~~~~~
            hint: such as https://api.openai.com/v1
          config/agents.yaml:5:53: error: 'proxy:3128' is not the beginning of a URL
              - {id: d, type: llm, dialect: openai_chat, proxy: proxy:3128}
                                                                ^~~~~~~~~~
            hint: such as http://proxy.example.org:3128, or none
          config/agents.yaml:6:35: error: 'http://' is not the beginning of a URL
              - {id: e, type: http, base_url: 'http://'}
                                              ^~~~~~~~~
            hint: such as https://api.openai.com/v1

          """##)
  }

  @Test func keysOfAnotherDialect() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: llm, dialect: openai_chat, api_version: 2026-10-21}
            - {id: b, type: llm, dialect: anthropic_messages, max_tokens_parameter: max_tokens}
            - {id: c, type: llm, dialect: anthropic_messages, api_version: 2026-10-22}

          """##)
          == ##"""
          config/agents.yaml:2:59: error: 'api_version' is for the dialect anthropic_messages, not openai_chat
              - {id: a, type: llm, dialect: openai_chat, api_version: 2026-10-21}
                                                                      ^~~~~~~~~~
            hint: remove it
          config/agents.yaml:3:75: error: 'max_tokens_parameter' is for the dialect openai_chat, not anthropic_messages
            ialect: anthropic_messages, max_tokens_parameter: max_tokens}
                                                              ^~~~~~~~~~
            hint: remove it
          config/agents.yaml:4:66: error: expected one of 2023-06-01, 2026-10-21, got '2026-10-22'
            e: llm, dialect: anthropic_messages, api_version: 2026-10-22}
                                                              ^~~~~~~~~~
            hint: did you mean '2026-10-21'?

          """##)
  }

  @Test func headersThatCannotBeSent() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: http, headers: {'x y': z, Host: h, X-Key: "a\nb", Y: [z], Z: {env: 5}}}

          """##)
          == ##"""
          config/agents.yaml:2:35: error: 'x y' is not a header's name
              - {id: a, type: http, headers: {'x y': z, Host: h, X-Key: "a\nb", Y: [
                                              ^~~~~
          config/agents.yaml:2:45: error: the header 'Host' is set for each request
              - {id: a, type: http, headers: {'x y': z, Host: h, X-Key: "a\nb", Y: [
                                                        ^~~~
          config/agents.yaml:2:61: error: a header's value cannot hold control characters
              - {id: a, type: http, headers: {'x y': z, Host: h, X-Key: "a\nb", Y: [
                                                                        ^~~~~~
          config/agents.yaml:2:72: error: expected a text, {env: VARIABLE} or {file: path}, got a list
            p, headers: {'x y': z, Host: h, X-Key: "a\nb", Y: [z], Z: {env: 5}}}
                                                              ^~~
          config/agents.yaml:2:86: error: expected a string, got 5
            x y': z, Host: h, X-Key: "a\nb", Y: [z], Z: {env: 5}}}
                                                              ^
            hint: quote it: '5'

          """##)
  }

  @Test func numbersOutOfRange() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: llm, dialect: openai_chat, retries: 21, max_output_tokens: 0, timeouts: {connect: 0, totl: 5}, model: 'x*'}
            - {id: b, type: http, max_bytes: 0, allow_hosts: ['http://x', '']}
            - {id: c, type: code, sandbox: {engine: dockr, network: yes, memory: 1MiB, pids: 1, cpus: 0, image: -v}}

          """##)
          == ##"""
          config/agents.yaml:2:55: error: expected an integer from 0 to 20, got 21
              - {id: a, type: llm, dialect: openai_chat, retries: 21, max_output_tok
                                                                  ^~
          config/agents.yaml:2:78: error: expected an integer from 1 to 100000000, got 0
            ect: openai_chat, retries: 21, max_output_tokens: 0, timeouts: {connect:
                                                              ^
          config/agents.yaml:2:101: error: expected a duration longer than 0s, got 0
            es: 21, max_output_tokens: 0, timeouts: {connect: 0, totl: 5}, model: 'x
                                                              ^
          config/agents.yaml:2:104: error: unknown key 'totl'
             21, max_output_tokens: 0, timeouts: {connect: 0, totl: 5}, model: 'x*'}
                                                              ^~~~
            hint: did you mean 'total'?
          config/agents.yaml:2:121: error: 'x*' is not a model's name
            okens: 0, timeouts: {connect: 0, totl: 5}, model: 'x*'}
                                                              ^~~~
          config/agents.yaml:3:36: error: expected a size from 1 byte to 1TiB, got 0
              - {id: b, type: http, max_bytes: 0, allow_hosts: ['http://x', '']}
                                               ^
          config/agents.yaml:3:53: error: 'http://x' is not a host
              - {id: b, type: http, max_bytes: 0, allow_hosts: ['http://x', '']}
                                                                ^~~~~~~~~~
            hint: write a host, host:port, *.suffix, an address, or a block such as 10.0.0.0/8
          config/agents.yaml:3:65: error: '' is not a host
            pe: http, max_bytes: 0, allow_hosts: ['http://x', '']}
                                                              ^~
            hint: write a host, host:port, *.suffix, an address, or a block such as 10.0.0.0/8
          config/agents.yaml:4:43: error: expected one of auto, podman, docker, bubblewrap, got 'dockr'
              - {id: c, type: code, sandbox: {engine: dockr, network: yes, memory: 1
                                                      ^~~~~
            hint: did you mean 'docker'?
          config/agents.yaml:4:59: error: expected one of none, host, got 'yes'
              - {id: c, type: code, sandbox: {engine: dockr, network: yes, memory: 1
                                                                      ^~~
          config/agents.yaml:4:72: error: expected a size from 16MiB to 1024TiB, got 1MiB
            e, sandbox: {engine: dockr, network: yes, memory: 1MiB, pids: 1, cpus: 0
                                                              ^~~~
          config/agents.yaml:4:84: error: expected an integer from 2 to 4194304, got 1
            {engine: dockr, network: yes, memory: 1MiB, pids: 1, cpus: 0, image: -v}
                                                              ^
          config/agents.yaml:4:93: error: expected a number from 0.01 to 4096, got 0
            dockr, network: yes, memory: 1MiB, pids: 1, cpus: 0, image: -v}}
                                                              ^
          config/agents.yaml:4:103: error: '-v' is not an image's name
            work: yes, memory: 1MiB, pids: 1, cpus: 0, image: -v}}
                                                              ^~

          """##)
  }

  @Test func fallbacksThatCannotStandIn() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: llm, dialect: openai_chat, fallbacks: [a, web, bb, b, b]}
            - {id: b, type: llm, dialect: openai_chat, fallbacks: a}
            - {id: web, type: http}

          """##)
          == ##"""
          config/agents.yaml:2:58: error: agent 'a' cannot stand in for itself
              - {id: a, type: llm, dialect: openai_chat, fallbacks: [a, web, bb, b, 
                                                                     ^
          config/agents.yaml:2:61: error: agent 'web' is of type http, not llm
              - {id: a, type: llm, dialect: openai_chat, fallbacks: [a, web, bb, b, 
                                                                        ^~~
          config/agents.yaml:2:66: error: there is no agent 'bb'
            e: llm, dialect: openai_chat, fallbacks: [a, web, bb, b, b]}
                                                              ^~
            hint: did you mean 'b'?
          config/agents.yaml:2:73: error: 'b' is listed twice
             dialect: openai_chat, fallbacks: [a, web, bb, b, b]}
                                                              ^
          config/agents.yaml:3:57: error: expected a list of agents, got 'a'
              - {id: b, type: llm, dialect: openai_chat, fallbacks: a}
                                                                    ^
            hint: write a list: ['a']

          """##)
  }

  @Test func limitsThatAreNotConfigured() throws {
    #expect(
      try said(
        system: ##"""
          limits: {openai: {rate: 60/1m}}

          """##,
        agents: ##"""
          agents:
            - {id: a, type: command, limits: [opnai, openai]}
            - {id: b, type: command, limits: [quantum]}

          """##)
          == ##"""
          config/agents.yaml:2:37: error: there is no limit 'opnai'
              - {id: a, type: command, limits: [opnai, openai]}
                                                ^~~~~
            hint: did you mean 'openai'?
          config/agents.yaml:3:37: error: there is no limit 'quantum'
              - {id: b, type: command, limits: [quantum]}
                                                ^~~~~~~
            hint: the limits are openai

          """##)
  }

  @Test func withoutLimitsThereIsNoneToName() throws {
    #expect(
      try said(
        agents: ##"""
          agents: [{id: a, type: command, limits: [openai]}]

          """##)
          == ##"""
          config/agents.yaml:1:42: error: there is no limit 'openai'
            agents: [{id: a, type: command, limits: [openai]}]
                                                     ^~~~~~
            hint: there are no limits in config/system_config.yaml

          """##)
  }

  @Test func toolsAndServers() throws {
    #expect(
      try said(
        agents: ##"""
          mcp_servers:
            time: {command: [mcp-server-time]}
            a.b: {command: []}
            none: {startup_timeout: 5s}
            word: x
          agents:
            - {id: a, type: llm, dialect: openai_chat, tools: [tiem.now, now, time.now]}
            - {id: b, type: mcp, server: tim}
            - {id: c, type: mcp, server: time, command: [x]}
            - {id: d, type: mcp, server: time, call_timeout: 5s}

          """##)
          == ##"""
          config/agents.yaml:3:3: error: 'a.b' is not a server's name
              a.b: {command: []}
              ^~~
            hint: at most 64 letters, digits, '_' and '-'
          config/agents.yaml:3:18: error: the command is empty
              a.b: {command: []}
                             ^~
          config/agents.yaml:4:9: error: 'command' is missing
              none: {startup_timeout: 5s}
                    ^~~~~~~~~~~~~~~~~~~~~
          config/agents.yaml:5:9: error: expected a mapping, got 'x'
              word: x
                    ^
            hint: write {command: [...]}
          config/agents.yaml:7:54: error: there is no server 'tiem'
              - {id: a, type: llm, dialect: openai_chat, tools: [tiem.now, now, time
                                                                 ^~~~~~~~
            hint: did you mean 'time'?
          config/agents.yaml:7:64: error: 'now' is not a tool's name
            ype: llm, dialect: openai_chat, tools: [tiem.now, now, time.now]}
                                                              ^~~
            hint: write server.tool, the server one of mcp_servers
          config/agents.yaml:8:32: error: there is no server 'tim'
              - {id: b, type: mcp, server: tim}
                                           ^~~
            hint: did you mean 'time'?
          config/agents.yaml:9:47: error: an agent has one server
              - {id: c, type: mcp, server: time, command: [x]}
                                                          ^~~
            hint: remove one: 'server' or 'command'
          config/agents.yaml:10:52: error: 'call_timeout' is said where the server is, in mcp_servers
              - {id: d, type: mcp, server: time, call_timeout: 5s}
                                                               ^~

          """##)
  }

  @Test func programs() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: exec}
            - {id: b, type: exec, command: [''], protocol: 2}
            - {id: c, type: exec, command: my-agent}
            - {id: d, type: exec, command: [x], env: {A-B: x, ASTRO_HOME: y, C: {evn: D}}}

          """##)
          == ##"""
          config/agents.yaml:2:5: error: 'command' is missing
              - {id: a, type: exec}
                ^~~~~~~~~~~~~~~~~~~
          config/agents.yaml:3:34: error: the command's name is empty
              - {id: b, type: exec, command: [''], protocol: 2}
                                             ^~~~
          config/agents.yaml:3:50: error: the exchange has no version 2
              - {id: b, type: exec, command: [''], protocol: 2}
                                                             ^
            hint: write 1, the only one there is
          config/agents.yaml:4:34: error: expected a list of words, got 'my-agent'
              - {id: c, type: exec, command: my-agent}
                                             ^~~~~~~~
            hint: write a list: ['my-agent']
          config/agents.yaml:5:45: error: 'A-B' is not the name of an environment variable
              - {id: d, type: exec, command: [x], env: {A-B: x, ASTRO_HOME: y, C: {e
                                                        ^~~
            hint: letters, digits and _, beginning with a letter or _
          config/agents.yaml:5:53: error: names that begin with ASTRO_ are reserved
              - {id: d, type: exec, command: [x], env: {A-B: x, ASTRO_HOME: y, C: {e
                                                                ^~~~~~~~~~
          config/agents.yaml:5:72: error: unknown key 'evn'
            c, command: [x], env: {A-B: x, ASTRO_HOME: y, C: {evn: D}}}
                                                              ^~~
            hint: did you mean 'env'?

          """##)
  }

  @Test func programsOfTypeCommand() throws {
    #expect(
      try said(
        agents: ##"""
          agents:
            - {id: a, type: command, preset: claude-code}
            - {id: b, type: command, preset: codex, command: [x]}
            - {id: c, type: command, preset: llm, result: json}
            - {id: d, type: command, command: [x, '{promt}', '{print}'], result: xml}
            - {id: e, type: command, max_turns: 5, max_cost_usd: 1}
            - {id: f, type: command, preset: codex, max_cost_usd: -1, max_turns: 0, model: ''}

          """##)
          == ##"""
          config/agents.yaml:2:36: error: expected one of claude_code, codex, llm, got 'claude-code'
              - {id: a, type: command, preset: claude-code}
                                               ^~~~~~~~~~~
            hint: did you mean 'claude_code'?
          config/agents.yaml:3:52: error: an agent has one program
              - {id: b, type: command, preset: codex, command: [x]}
                                                               ^~~
            hint: remove one: 'preset' or 'command'
          config/agents.yaml:4:49: error: 'result' is for agents with 'command': a preset knows it
              - {id: c, type: command, preset: llm, result: json}
                                                            ^~~~
          config/agents.yaml:5:42: error: '{promt}' stands for nothing
              - {id: d, type: command, command: [x, '{promt}', '{print}'], result: x
                                                     ^~~~~~~
            hint: did you mean 'prompt'?
          config/agents.yaml:5:72: error: expected one of text, json, got 'xml'
            mand, command: [x, '{promt}', '{print}'], result: xml}
                                                              ^~~
          config/agents.yaml:6:39: error: 'max_turns' is for agents with 'preset' or 'command'
              - {id: e, type: command, max_turns: 5, max_cost_usd: 1}
                                                  ^
            hint: this one runs what tasks say in 'run'
          config/agents.yaml:6:56: error: 'max_cost_usd' is for agents with 'preset' or 'command'
              - {id: e, type: command, max_turns: 5, max_cost_usd: 1}
                                                                   ^
            hint: this one runs what tasks say in 'run'
          config/agents.yaml:7:57: error: expected a number from 0 to 9000000, got -1
              - {id: f, type: command, preset: codex, max_cost_usd: -1, max_turns: 0
                                                                    ^~
          config/agents.yaml:7:72: error: expected an integer from 1 to 100000, got 0
            mand, preset: codex, max_cost_usd: -1, max_turns: 0, model: ''}
                                                              ^
          config/agents.yaml:7:82: error: '' is not a model's name
            et: codex, max_cost_usd: -1, max_turns: 0, model: ''}
                                                              ^~

          """##)
  }
}

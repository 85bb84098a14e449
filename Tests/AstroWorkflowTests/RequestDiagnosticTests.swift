import AstroCore
import Testing

@testable import AstroWorkflow

/// What is said about `with`, limits, budgets and caches in a file checked by itself.
@Suite struct RequestDiagnostics {
  @Test func bothFormsOrNeither() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: x, with: {prompt: x}}
          b: {agent: llm}
          c: {agent: exec}
          d: {run: , with: {}}

        """##)
          == ##"""
          w.yaml:2:15: error: task 'a' has both 'run' and 'with'
              a: {run: x, with: {prompt: x}}
                          ^~~~
            hint: remove one: 'run' is for commands, 'with' for what other agents are asked
          w.yaml:3:3: error: task 'b' has nothing to run
              b: {agent: llm}
              ^
            hint: say what it is to do: with: {prompt: ...}
          w.yaml:4:3: error: task 'c' has nothing to run
              c: {agent: exec}
              ^
            hint: say what it is to do: with: {...}
          w.yaml:5:14: error: task 'd' has both 'run' and 'with'
              d: {run: , with: {}}
                         ^~~~
            hint: remove one: 'run' is for commands, 'with' for what other agents are asked

          """##)
  }

  @Test func aTypeOfAgentTakesOneForm() {
    #expect(
      rendered(
        ##"""
        defaults: {agent: llm}
        tasks:
          a: {run: x}
          b: {run: x, agent: http}
          c: {agent: command, with: {prompt: x}}
          d: {agent: command, run: x}

        """##)
          == ##"""
          w.yaml:3:7: error: task 'a' has 'run', but agents of type llm take 'with'
              a: {run: x}
                  ^~~
            hint: write 'agent: command' in the task, or with: {prompt: ...}
          w.yaml:4:7: error: task 'b' has 'run', but agents of type http take 'with'
              b: {run: x, agent: http}
                  ^~~
            hint: write with: {url: ...}

          """##)
  }

  @Test func aRequestIsAMapping() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {agent: llm, with: prompt}
          b: {agent: exec, with: [x]}
          c: {agent: llm, with: }

        """##)
          == ##"""
          w.yaml:2:25: error: expected a mapping, got 'prompt'
              a: {agent: llm, with: prompt}
                                    ^~~~~~
            hint: write what the agent is to do: {prompt: ...}
          w.yaml:3:26: error: expected a mapping, got a list
              b: {agent: exec, with: [x]}
                                     ^~~
            hint: write what the agent is to do: {prompt: ...}
          w.yaml:4:25: error: expected a mapping, got nothing
              c: {agent: llm, with: }
                                    ^
            hint: write what the agent is to do: {prompt: ...}

          """##)
  }

  @Test func itIsSaidWhoIsAsked() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {with: {prompt: x}}
          b: {with: {prompt: x}, capabilities: []}
          c: {with: {prompt: x}, capabilities: [text]}

        """##)
          == ##"""
          w.yaml:2:7: error: task 'a' does not say who is asked
              a: {with: {prompt: x}}
                  ^~~~
            hint: add 'agent', an agent's id or type, or 'capabilities'
          w.yaml:3:7: error: task 'b' does not say who is asked
              b: {with: {prompt: x}, capabilities: []}
                  ^~~~
            hint: add 'agent', an agent's id or type, or 'capabilities'

          """##)
  }

  @Test func unknownKeysNameTheNearest() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {agent: llm, with: {promt: x}}
          b: {agent: http, with: {url: https://x, colour: x}}
          c: {agent: llm, prompt: x}

        """##)
          == ##"""
          w.yaml:2:26: error: unknown key 'promt'
              a: {agent: llm, with: {promt: x}}
                                     ^~~~~
            hint: did you mean 'prompt'?
          w.yaml:3:43: error: unknown key 'colour'
              b: {agent: http, with: {url: https://x, colour: x}}
                                                      ^~~~~~
            hint: valid keys: method, url, headers, body, json, form, expect, extract, max_bytes, redirects, timeout
          w.yaml:4:19: error: unknown key 'prompt'
              c: {agent: llm, prompt: x}
                              ^~~~~~
            hint: it is a key of 'with' of agents of type llm

          """##)
  }

  @Test func whatMustBeThere() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {agent: llm, with: {system: x}}
          b: {agent: http, with: {}}
          c: {agent: code, with: {}}
          d: {agent: mcp, with: {server: x}}
          e: {agent: command, with: {}}
          f: {agent: exec, with: {}}

        """##)
          == ##"""
          w.yaml:2:25: error: 'prompt' or 'messages' is missing
              a: {agent: llm, with: {system: x}}
                                    ^~~~~~~~~~~
          w.yaml:3:26: error: 'url' is missing
              b: {agent: http, with: {}}
                                     ^~
          w.yaml:4:26: error: 'language' is missing
              c: {agent: code, with: {}}
                                     ^~
          w.yaml:4:26: error: 'code' or 'file' is missing
              c: {agent: code, with: {}}
                                     ^~
          w.yaml:5:25: error: 'tool' is missing
              d: {agent: mcp, with: {server: x}}
                                    ^~~~~~~~~~~
          w.yaml:6:29: error: 'prompt' is missing
              e: {agent: command, with: {}}
                                        ^~

          """##)
  }

  @Test func keysThatExcludeEachOther() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {agent: code, with: {language: python, code: x, file: y}}
          b: {agent: http, with: {url: https://x, form: {a: b}, json: 1, body: x}}

        """##)
          == ##"""
          w.yaml:2:54: error: 'code' and 'file' exclude each other
              a: {agent: code, with: {language: python, code: x, file: y}}
                                                                 ^~~~
            hint: remove all but one
          w.yaml:3:57: error: 'form' and 'json' and 'body' exclude each other
              b: {agent: http, with: {url: https://x, form: {a: b}, json: 1, body: x
                                                                    ^~~~
            hint: remove all but one

          """##)
  }

  @Test func valuesOfModels() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {agent: llm, with: {prompt: '', model: [x], temperature: 3, top_p: -1, top_k: 1.5, seed: x}}
          b: {agent: llm, with: {prompt: x, max_output_tokens: 0, max_turns: many, max_tool_calls: -1}}
          c: {agent: llm, with: {prompt: x, max_cost_usd: '1', output_schema: x, on_invalid_output: {reask: x, again: 1}}}
          d: {agent: llm, with: {messages: []}}
          e: {agent: llm, with: {messages: [{role: bot}, x, {role: user, content: x}]}}
          f: {agent: llm, with: {prompt: x, stop: {}, tools: now, files: [''], images: [[x]]}}

        """##)
          == ##"""
          w.yaml:2:34: error: the text is empty
              a: {agent: llm, with: {prompt: '', model: [x], temperature: 3, top_p: 
                                             ^~
          w.yaml:2:45: error: expected a string, got a list
              a: {agent: llm, with: {prompt: '', model: [x], temperature: 3, top_p: 
                                                        ^~~
          w.yaml:2:63: error: expected a number from 0 to 2, got 3
             llm, with: {prompt: '', model: [x], temperature: 3, top_p: -1, top_k: 1
                                                              ^
          w.yaml:2:73: error: expected a number from 0 to 1, got -1
            : {prompt: '', model: [x], temperature: 3, top_p: -1, top_k: 1.5, seed: 
                                                              ^~
          w.yaml:2:84: error: expected an integer from 1 to 1000000, got 1.5
            '', model: [x], temperature: 3, top_p: -1, top_k: 1.5, seed: x}}
                                                              ^~~
          w.yaml:2:95: error: expected an integer, got 'x'
            [x], temperature: 3, top_p: -1, top_k: 1.5, seed: x}}
                                                              ^
          w.yaml:3:56: error: expected an integer from 1 to 100000000, got 0
              b: {agent: llm, with: {prompt: x, max_output_tokens: 0, max_turns: man
                                                                   ^
          w.yaml:3:70: error: expected an integer from 1 to 100000, got 'many'
            ith: {prompt: x, max_output_tokens: 0, max_turns: many, max_tool_calls: 
                                                              ^~~~
          w.yaml:3:92: error: expected an integer from 0 to 1000000, got -1
            utput_tokens: 0, max_turns: many, max_tool_calls: -1}}
                                                              ^~
          w.yaml:4:51: error: expected a number from 0 to 9000000, got '1'
              c: {agent: llm, with: {prompt: x, max_cost_usd: '1', output_schema: x,
                                                              ^~~
            hint: write it without quotes
          w.yaml:4:71: error: expected a mapping, got 'x'
            th: {prompt: x, max_cost_usd: '1', output_schema: x, on_invalid_output: 
                                                              ^
          w.yaml:4:101: error: expected an integer from 0 to 100, got 'x'
            '1', output_schema: x, on_invalid_output: {reask: x, again: 1}}}
                                                              ^
          w.yaml:4:104: error: unknown key 'again'
            , output_schema: x, on_invalid_output: {reask: x, again: 1}}}
                                                              ^~~~~
            hint: valid keys: reask
          w.yaml:5:36: error: the list is empty
              d: {agent: llm, with: {messages: []}}
                                               ^~
          w.yaml:6:37: error: 'content' is missing
              e: {agent: llm, with: {messages: [{role: bot}, x, {role: user, content
                                                ^~~~~~~~~~~
          w.yaml:6:44: error: expected one of system, user, assistant, got 'bot'
              e: {agent: llm, with: {messages: [{role: bot}, x, {role: user, content
                                                       ^~~
          w.yaml:6:50: error: expected a mapping, got 'x'
              e: {agent: llm, with: {messages: [{role: bot}, x, {role: user, content
                                                             ^
          w.yaml:7:43: error: expected a list, got a mapping
              f: {agent: llm, with: {prompt: x, stop: {}, tools: now, files: [''], i
                                                      ^~
          w.yaml:7:54: error: expected a list, got 'now'
              f: {agent: llm, with: {prompt: x, stop: {}, tools: now, files: [''], i
                                                                 ^~~
          w.yaml:7:67: error: the text is empty
            , with: {prompt: x, stop: {}, tools: now, files: [''], images: [[x]]}}
                                                              ^~
          w.yaml:7:81: error: expected a string, got a list
            t: x, stop: {}, tools: now, files: [''], images: [[x]]}}
                                                              ^~~

          """##)
  }

  @Test func valuesOfRequests() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {agent: http, with: {url: ftp://x, method: get, expect: [], redirects: 21}}
          b: {agent: http, with: {url: 'https:///x', max_bytes: 1 MB, timeout: 0, headers: {A: [x]}, extract: {a: ''}}}
          c: {agent: http, with: {url: 5, form: [x]}}
          d: {agent: mcp, with: {tool: '', arguments: [x], timeout: soon}}
          e: {agent: code, with: {language: '', code: x, args: x, stdin: [x]}}

        """##)
          == ##"""
          w.yaml:2:32: error: 'ftp://x' is not a URL
              a: {agent: http, with: {url: ftp://x, method: get, expect: [], redirec
                                           ^~~~~~~
            hint: write https://host/path, or /path for an agent that has a base_url
          w.yaml:2:49: error: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, got 'get'
              a: {agent: http, with: {url: ftp://x, method: get, expect: [], redirec
                                                            ^~~
            hint: did you mean 'GET'?
          w.yaml:2:62: error: the list is empty
            : http, with: {url: ftp://x, method: get, expect: [], redirects: 21}}
                                                              ^~
          w.yaml:2:77: error: expected an integer from 0 to 20, got 21
            url: ftp://x, method: get, expect: [], redirects: 21}}
                                                              ^~
          w.yaml:3:32: error: 'https:///x' is not a URL
              b: {agent: http, with: {url: 'https:///x', max_bytes: 1 MB, timeout: 0
                                           ^~~~~~~~~~~~
            hint: write https://host/path, or /path for an agent that has a base_url
          w.yaml:3:57: error: expected a size such as 512MiB, got '1 MB'
              b: {agent: http, with: {url: 'https:///x', max_bytes: 1 MB, timeout: 0
                                                                    ^~~~
          w.yaml:3:72: error: expected a duration longer than 0s, got 0
            th: {url: 'https:///x', max_bytes: 1 MB, timeout: 0, headers: {A: [x]}, 
                                                              ^
          w.yaml:3:88: error: expected a string, got a list
            :///x', max_bytes: 1 MB, timeout: 0, headers: {A: [x]}, extract: {a: ''}
                                                              ^~~
          w.yaml:3:107: error: the text is empty
            1 MB, timeout: 0, headers: {A: [x]}, extract: {a: ''}}}
                                                              ^~
          w.yaml:4:32: error: expected a string, got 5
              c: {agent: http, with: {url: 5, form: [x]}}
                                           ^
            hint: quote it: '5'
          w.yaml:4:41: error: expected a mapping, got a list
              c: {agent: http, with: {url: 5, form: [x]}}
                                                    ^~~
          w.yaml:5:32: error: the text is empty
              d: {agent: mcp, with: {tool: '', arguments: [x], timeout: soon}}
                                           ^~
          w.yaml:5:47: error: expected a mapping, got a list
              d: {agent: mcp, with: {tool: '', arguments: [x], timeout: soon}}
                                                          ^~~
          w.yaml:5:61: error: expected a duration such as 30s, 5m or 2h, got 'soon'
              d: {agent: mcp, with: {tool: '', arguments: [x], timeout: soon}}
                                                                        ^~~~
          w.yaml:6:37: error: the text is empty
              e: {agent: code, with: {language: '', code: x, args: x, stdin: [x]}}
                                                ^~
          w.yaml:6:56: error: expected a list, got 'x'
              e: {agent: code, with: {language: '', code: x, args: x, stdin: [x]}}
                                                                   ^
          w.yaml:6:66: error: expected a string, got a list
            de, with: {language: '', code: x, args: x, stdin: [x]}}
                                                              ^~~

          """##)
  }

  @Test func whatNoAgentCanBeTold() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {agent: exec, with: {x: .nan, y: [.inf], z: "\0", '${{ run.id }}': x}}

        """##)
          == ##"""
          w.yaml:2:30: error: expected a finite number, got .nan
              a: {agent: exec, with: {x: .nan, y: [.inf], z: "\0", '${{ run.id }}': 
                                         ^~~~
          w.yaml:2:40: error: expected a finite number, got .inf
              a: {agent: exec, with: {x: .nan, y: [.inf], z: "\0", '${{ run.id }}': 
                                                   ^~~~
          w.yaml:2:50: error: a text for a program cannot hold a NUL character
              a: {agent: exec, with: {x: .nan, y: [.inf], z: "\0", '${{ run.id }}': 
                                                             ^~~~
          w.yaml:2:57: error: no expression can stand here
              a: {agent: exec, with: {x: .nan, y: [.inf], z: "\0", '${{ run.id }}': 
                                                                    ^~~
            hint: a key is taken as it stands: only values may hold expressions

          """##)
  }

  @Test func expressionsAreCheckedWhereTheyStand() {
    #expect(
      rendered(
        ##"""
        params: {n: 1}
        tasks:
          a: {agent: llm, with: {prompt: '${{ tasks.b.stdout }} ${{ params.m }}', max_turns: '${{ params.n }}'}}
          b: {run: x}
          c: {agent: exec, with: {deep: [{x: '${{ env.E }}'}, '${{ 1 + }}']}}
          d: {agent: exec, with: {x: '${{ success() }}'}}

        """##)
          == ##"""
          w.yaml:3:39: error: task 'a' reads tasks.b but does not need it
              a: {agent: llm, with: {prompt: '${{ tasks.b.stdout }} ${{ params.m }}'
                                                  ^~~~~~~~~~~~~~
            hint: add 'b' to the needs of 'a'
          w.yaml:3:61: error: there is no parameter 'm'
              a: {agent: llm, with: {prompt: '${{ tasks.b.stdout }} ${{ params.m }}'
                                                                        ^~~~~~~~
            hint: the parameters are n
          w.yaml:5:43: error: there is no variable 'E'
              c: {agent: exec, with: {deep: [{x: '${{ env.E }}'}, '${{ 1 + }}']}}
                                                      ^~~~~
            hint: there are no variables
          w.yaml:5:62: error: unexpected '+' in the expression
            : exec, with: {deep: [{x: '${{ env.E }}'}, '${{ 1 + }}']}}
                                                              ^
            hint: there is no arithmetic in expressions: calculate in a task
          w.yaml:6:35: error: success() can only be asked in 'if'
              d: {agent: exec, with: {x: '${{ success() }}'}}
                                              ^~~~~~~

          """##)
  }

  @Test func secretsGoOnlyToWhereTheyAreMeantFor() {
    #expect(
      rendered(
        ##"""
        secrets: {K: {env: KEY}}
        tasks:
          a: {agent: llm, with: {prompt: 'use ${{ secrets.K }}'}}
          b: {agent: http, with: {url: 'https://x?k=${{ secrets.K }}', headers: {A: '${{ secrets.K }}'}, json: {k: '${{ secrets.K }}'}}}
          c: {agent: mcp, with: {tool: '${{ secrets.K }}', arguments: {k: '${{ secrets.K }}'}}}
          d: {agent: code, with: {language: python, code: '${{ secrets.K }}'}}
          e: {agent: exec, with: {k: '${{ secrets.K }}', deep: [{k: 'Bearer ${{ secrets.K }}'}]}}
          f: {agent: command, with: {prompt: '${{ secrets.K }}'}}

        """##)
          == ##"""
          w.yaml:3:43: error: a secret cannot be part of what a model is told
              a: {agent: llm, with: {prompt: 'use ${{ secrets.K }}'}}
                                                      ^~~~~~~~~
            hint: its provider and the transcript would keep it; the key of an agent is its api_key in config/agents.yaml
          w.yaml:4:49: error: a secret can only be in the headers and in the body of a request
              b: {agent: http, with: {url: 'https://x?k=${{ secrets.K }}', headers: 
                                                            ^~~~~~~~~
            hint: URLs are shown in logs: put it in headers, body, json or form
          w.yaml:5:37: error: a secret can only be among the arguments of a tool
              c: {agent: mcp, with: {tool: '${{ secrets.K }}', arguments: {k: '${{ s
                                                ^~~~~~~~~
            hint: put it in 'arguments'
          w.yaml:6:56: error: a secret cannot be part of code
              d: {agent: code, with: {language: python, code: '${{ secrets.K }}'}}
                                                                   ^~~~~~~~~
            hint: put it in the task's env, and let the code read it there
          w.yaml:8:43: error: a secret cannot be part of what a model is told
              f: {agent: command, with: {prompt: '${{ secrets.K }}'}}
                                                      ^~~~~~~~~
            hint: its provider and the transcript would keep it; the key of an agent is its api_key in config/agents.yaml

          """##)
  }

  @Test func secretsInRequestsStandAlone() {
    #expect(
      rendered(
        ##"""
        secrets: {K: {env: KEY}}
        tasks:
          a: {agent: exec, with: {k: '${{ secrets.J }}', l: "${{ format('{0}', secrets.K) }}", m: '${{ secrets }}'}}
          b: {agent: exec, env: {T: '${{ secrets.K }}'}, with: {k: '${{ env.T }}'}}

        """##)
          == ##"""
          w.yaml:3:35: error: there is no secret 'J'
              a: {agent: exec, with: {k: '${{ secrets.J }}', l: "${{ format('{0}', s
                                              ^~~~~~~~~
            hint: the secrets are K
          w.yaml:3:72: error: nothing can be computed with a secret
            th: {k: '${{ secrets.J }}', l: "${{ format('{0}', secrets.K) }}", m: '${
                                                              ^~~~~~~~~
            hint: write ${{ secrets.K }} by itself; text may stand around it
          w.yaml:3:96: error: a secret must be named in the text: 'secrets.NAME'
            }', l: "${{ format('{0}', secrets.K) }}", m: '${{ secrets }}'}}
                                                              ^~~~~~~
          w.yaml:4:65: error: 'T' holds a secret, which can only be read in the env of a task
            xec, env: {T: '${{ secrets.K }}'}, with: {k: '${{ env.T }}'}}
                                                              ^~~~~
            hint: write ${{ secrets.NAME }} here

          """##)
  }

  @Test func limitsBudgetsAndCaches() {
    #expect(
      rendered(
        ##"""
        budget: {usd: -1, token: 5}
        defaults: {limits: openai, budget: 5, cache: yes}
        tasks:
          a: {run: x, limits: [a, a, '', 5, '${{ run.id }}'], budget: {}, cache: {max_age: 0}}
          b: {run: x, budget: {usd: 1e-13, tokens: 0, calls: 1.5}, cache: 7d}
          c: {run: x, budget: {usd: '1'}, cache: , limits: }

        """##)
          == ##"""
          w.yaml:1:15: error: expected a number from 0 to 9000000, got -1
            budget: {usd: -1, token: 5}
                          ^~
          w.yaml:1:19: error: unknown key 'token'
            budget: {usd: -1, token: 5}
                              ^~~~~
            hint: did you mean 'tokens'?
          w.yaml:2:20: error: expected a list of limits, got 'openai'
            defaults: {limits: openai, budget: 5, cache: yes}
                               ^~~~~~
            hint: write a list: ['openai']
          w.yaml:2:36: error: expected a mapping, got 5
            defaults: {limits: openai, budget: 5, cache: yes}
                                               ^
            hint: write {usd: 1.50}
          w.yaml:2:46: error: expected true or false, got 'yes'
            defaults: {limits: openai, budget: 5, cache: yes}
                                                         ^~~
            hint: write true
          w.yaml:4:27: error: limit 'a' is listed twice
              a: {run: x, limits: [a, a, '', 5, '${{ run.id }}'], budget: {}, cache:
                                      ^
          w.yaml:4:30: error: the limit's name is empty
              a: {run: x, limits: [a, a, '', 5, '${{ run.id }}'], budget: {}, cache:
                                         ^~
          w.yaml:4:34: error: expected a string, got 5
              a: {run: x, limits: [a, a, '', 5, '${{ run.id }}'], budget: {}, cache:
                                             ^
            hint: quote it: '5'
          w.yaml:4:38: error: no expression can stand here
              a: {run: x, limits: [a, a, '', 5, '${{ run.id }}'], budget: {}, cache:
                                                 ^~~
            hint: expressions are read in env, workdir, if, with, and where run is a list
          w.yaml:4:63: error: the budget bounds nothing
            , limits: [a, a, '', 5, '${{ run.id }}'], budget: {}, cache: {max_age: 0
                                                              ^~
            hint: write {usd: 1.50}
          w.yaml:4:84: error: expected a duration longer than 0s, got 0
            5, '${{ run.id }}'], budget: {}, cache: {max_age: 0}}
                                                              ^
          w.yaml:5:29: error: 1e-13 has more than 12 decimals
              b: {run: x, budget: {usd: 1e-13, tokens: 0, calls: 1.5}, cache: 7d}
                                        ^~~~~
            hint: money is counted in picodollars, 1e-12 USD
          w.yaml:5:44: error: expected an integer from 1 to 1000000000000000, got 0
              b: {run: x, budget: {usd: 1e-13, tokens: 0, calls: 1.5}, cache: 7d}
                                                       ^
          w.yaml:5:54: error: expected an integer from 1 to 1000000000000, got 1.5
              b: {run: x, budget: {usd: 1e-13, tokens: 0, calls: 1.5}, cache: 7d}
                                                                 ^~~
          w.yaml:5:67: error: expected true or false, got '7d'
            dget: {usd: 1e-13, tokens: 0, calls: 1.5}, cache: 7d}
                                                              ^~
          w.yaml:6:29: error: expected a number from 0 to 9000000, got '1'
              c: {run: x, budget: {usd: '1'}, cache: , limits: }
                                        ^~~
            hint: write it without quotes
          w.yaml:6:42: error: expected a mapping, got nothing
              c: {run: x, budget: {usd: '1'}, cache: , limits: }
                                                     ^
            hint: write true, or {max_age: 7d}
          w.yaml:6:52: error: expected a list of limits, got nothing
              c: {run: x, budget: {usd: '1'}, cache: , limits: }
                                                               ^

          """##)
  }

  @Test func aShellReadsNoRequest() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {agent: exec, with: {}, shell: bash}}

        """##)
          == ##"""
          w.yaml:1:43: warning: 'shell' has no effect: no shell reads 'with'
            tasks: {a: {agent: exec, with: {}, shell: bash}}
                                                      ^~~~

          """##)
  }
}

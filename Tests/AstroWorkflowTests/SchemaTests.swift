import AstroCore
import AstroYAML
import Foundation
import Testing

@testable import AstroWorkflow

/// The parser and the schema say the same of every file here, judged by a validator that is not ours.
@Suite struct Schema {
  enum Judgement {
    case valid, invalid
    /// Wrong in a way that a schema cannot say: it needs the whole file, or a language inside a text.
    case invalidForTheParserOnly
  }

  static let corpus: [(Judgement, String)] =
    tasks.map { ($0.0, "tasks: {a: {run: x}, b: {run: x}, t: \($0.1)}\n") }
    + heads.map { ($0.0, "\($0.1)\ntasks: {a: {run: x}}\n") } + [
      (.invalid, "name: x\n"), (.invalid, "tasks: {}\n"), (.invalid, "tasks: []\n"), (.invalid, "[]\n"),
      (.invalid, "x\n"),
      (.invalid, "tasks: {A: {run: x}}\n"), (.invalid, "tasks: {'': {run: x}}\n"), (.valid, "tasks: {1: {run: x}}\n"),
      (.valid, #"{"tasks": {"a": {"run": "x"}}}"# + "\n"),
    ]

  /// Values of one task.
  static let tasks: [(Judgement, String)] = [
    (.valid, "{run: x}"), (.valid, "{run: 5}"), (.valid, "{run: true}"), (.valid, "{run: [x, 5, true, 1.5]}"),
    (.valid, "{run: ['${{ params }}']}"), (.invalid, "{}"), (.invalid, "{run: }"), (.invalid, "{run: ''}"),
    (.invalid, "{run: ' '}"), (.invalid, "{run: []}"), (.invalid, "{run: ['']}"), (.invalid, "{run: [~]}"),
    (.invalid, "{run: [[x]]}"), (.invalid, "{run: {x: y}}"), (.invalid, "{run: '${{ params.x }}'}"),
    (.valid, "{agent: llm, with: {prompt: x}}"), (.valid, "{agent: own, with: {}}"),
    (.valid, "{capabilities: [x], with: {any: [1, {b: ~}]}}"), (.invalid, "{run: x, with: {}}"),
    (.invalid, "{agent: llm, run: x}"), (.invalid, "{agent: http, run: [x]}"), (.invalid, "{agent: own, with: }"),
    (.invalid, "{agent: own, with: x}"), (.invalid, "{agent: own, with: [x]}"),
    (.invalid, "{agent: own, with: {'${{ run.id }}': x}}"), (.valid, "{agent: own, with: {x: '${{ run.id }}'}}"),
    (.invalidForTheParserOnly, "{with: {prompt: x}}"), (.invalidForTheParserOnly, "{agent: own, with: {x: '${{'}}"),
    (.valid, "{agent: exec, with: {any: [thing]}}"), (.valid, "{agent: command, with: {prompt: x, max_turns: 5}}"),
    (.invalid, "{agent: command, with: {}}"), (.invalid, "{agent: command, with: {prompt: x, tools: [y]}}"),
    (.invalid, "{agent: llm, with: {}}"), (.invalid, "{agent: llm, with: {promt: x}}"),
    (.valid, "{agent: llm, with: {messages: [{role: user, content: x}]}}"),
    (.invalid, "{agent: llm, with: {messages: []}}"), (.invalid, "{agent: llm, with: {messages: [{role: user}]}}"),
    (.invalid, "{agent: llm, with: {messages: [{role: bot, content: x}]}}"),
    (.valid, "{agent: llm, with: {messages: '${{ params }}'}}"),
    (.valid, "{agent: llm, with: {prompt: 5, model: m, system: '', files: [a], images: [], max_output_tokens: 1}}"),
    (.valid, "{agent: llm, with: {prompt: x, temperature: 0.5, top_p: 1, top_k: 3, seed: -1, stop: a}}"),
    (.valid, "{agent: llm, with: {prompt: x, stop: [a, b], output_schema: {type: object}, max_cost_usd: 0.05}}"),
    (.valid, "{agent: llm, with: {prompt: x, on_invalid_output: {reask: 0}, max_turns: 10, max_tool_calls: 0}}"),
    (
      .valid,
      "{agent: llm, with: {prompt: x, max_turns: 100000, max_tool_calls: 1000000, max_output_tokens: 100000000}}"
    ),
    (.invalid, "{agent: llm, with: {prompt: x, max_turns: 100001}}"),
    (.invalid, "{agent: llm, with: {prompt: x, max_tool_calls: 1000001}}"),
    (.invalid, "{agent: llm, with: {prompt: x, max_output_tokens: 100000001}}"),
    (.valid, "{agent: llm, with: {prompt: x, tools: [a.b], tool_choice: auto}}"),
    (.invalidForTheParserOnly, "{agent: llm, with: {prompt: x, tools: [a]}}"),
    (.invalidForTheParserOnly, "{agent: llm, with: {prompt: x, tools: [a.b, a.b]}}"),
    (.valid, "{agent: llm, with: {prompt: x, max_turns: '${{ params }}', temperature: '${{ params }}'}}"),
    (.invalid, "{agent: llm, with: {prompt: ''}}"), (.invalid, "{agent: llm, with: {prompt: ~}}"),
    (.invalid, "{agent: llm, with: {prompt: x, max_turns: 0}}"), (.invalid, "{agent: llm, with: {prompt: x, seed: a}}"),
    (.invalid, "{agent: llm, with: {prompt: x, temperature: '1'}}"),
    (.invalid, "{agent: llm, with: {prompt: x, stop: {}}}"), (.invalid, "{agent: llm, with: {prompt: x, stop: ['']}}"),
    (.invalid, "{agent: llm, with: {prompt: x, output_schema: a}}"),
    (.invalid, "{agent: llm, with: {prompt: x, max_cost_usd: -1}}"),
    (.invalidForTheParserOnly, "{agent: llm, with: {prompt: x, max_cost_usd: 1e-13}}"),
    (.invalid, "{agent: llm, with: {prompt: x, on_invalid_output: {reask: 101}}}"),
    (.invalid, "{agent: llm, with: {prompt: x, on_invalid_output: {ask: 1}}}"),
    (.valid, "{agent: http, with: {url: https://x/y}}"), (.valid, "{agent: http, with: {url: /y}}"),
    (.valid, "{agent: http, with: {url: '${{ params }}'}}"), (.invalid, "{agent: http, with: {url: ftp://x}}"),
    (.invalid, "{agent: http, with: {url: 'https:///x'}}"), (.invalid, "{agent: http, with: {url: 5}}"),
    (.invalid, "{agent: http, with: {url: 'https://'}}"), (.invalid, "{agent: http, with: {method: GET}}"),
    (.valid, "{agent: http, with: {url: /y, method: POST, json: [1], headers: {A: b}, expect: 2xx, timeout: 5s}}"),
    (.valid, "{agent: http, with: {url: /y, expect: [200, 201], extract: {a: b.c}, max_bytes: 1MiB, redirects: 0}}"),
    (.valid, "{agent: http, with: {url: /y, max_bytes: 5}}"),
    (.invalid, "{agent: http, with: {url: /y, max_bytes: 0}}"),
    (.invalid, "{agent: http, with: {url: /y, max_bytes: 1MB}}"),
    (.invalid, "{agent: http, with: {url: /y, body: a, json: b}}"),
    (.invalid, "{agent: http, with: {url: /y, json: a, form: {b: c}}}"),
    (.invalid, "{agent: http, with: {url: /y, method: get}}"), (.invalid, "{agent: http, with: {url: /y, expect: []}}"),
    (.valid, "{agent: code, with: {language: python, code: x, args: [a, ''], stdin: '', files: [a]}}"),
    (.valid, "{agent: code, with: {language: python, file: x}}"), (.invalid, "{agent: code, with: {language: python}}"),
    (.invalid, "{agent: code, with: {language: python, code: x, file: y}}"),
    (.invalid, "{agent: code, with: {code: x}}"), (.valid, "{agent: mcp, with: {tool: x}}"),
    (.valid, "{agent: mcp, with: {server: s, tool: x, arguments: {a: [1]}, timeout: 5s}}"),
    (.invalid, "{agent: mcp, with: {tool: x, arguments: [a]}}"), (.invalid, "{agent: mcp, with: {arguments: {}}}"),
    (.valid, "{run: x, limits: [a, b]}"), (.valid, "{run: x, limits: []}"), (.invalid, "{run: x, limits: a}"),
    (.invalid, "{run: x, limits: [a, a]}"), (.invalid, "{run: x, limits: ['']}"), (.invalid, "{run: x, limits: [5]}"),
    (.invalid, "{run: x, limits: ['${{ params }}']}"), (.valid, "{run: x, budget: {usd: 0.1, tokens: 5, calls: 1}}"),
    (.valid, "{run: x, budget: {usd: 0}}"), (.invalid, "{run: x, budget: {}}"), (.invalid, "{run: x, budget: 5}"),
    (.invalid, "{run: x, budget: {usd: '1'}}"), (.invalid, "{run: x, budget: {tokens: 0}}"),
    (.invalid, "{run: x, budget: {euro: 1}}"), (.invalid, "{run: x, budget: {usd: 9000001}}"),
    (.invalidForTheParserOnly, "{run: x, budget: {usd: 1e-13}}"), (.valid, "{run: x, cache: true}"),
    (.valid, "{run: x, cache: false}"), (.valid, "{run: x, cache: {}}"), (.valid, "{run: x, cache: {max_age: 7d}}"),
    (.invalid, "{run: x, cache: yes}"), (.invalid, "{run: x, cache: {max_age: 0}}"), (.invalid, "{run: x, cache: }"),
    (.invalid, "{run: x, cache: {ttl: 7d}}"), (.invalid, "{run: x, cache: 7d}"),
    (.invalid, "{run: x, runn: y}"), (.invalid, "{run: x, uses: y}"), (.invalid, "{run: x, matrix: {a: [1]}}"),
    (.invalid, "[x]"), (.invalid, "x"), (.invalid, ""),
    (.valid, "{run: x, shell: bash}"), (.valid, "{run: x, shell: /bin/sh}"), (.valid, "{run: x, shell: [a, 5]}"),
    (.invalid, "{run: x, shell: ./sh}"), (.invalid, "{run: x, shell: 'a b'}"), (.invalid, "{run: x, shell: ''}"),
    (.invalid, "{run: x, shell: []}"), (.invalid, "{run: x, shell: ['']}"), (.invalid, "{run: x, shell: 5}"),
    (.invalid, "{run: x, shell: /bin/}"), (.invalid, "{run: x, shell: {a: b}}"),
    (.invalid, "{run: x, shell: '${{x}}'}"),
    (.invalid, "{run: x, shell: [sh, '${{ x }}']}"),
    (.valid, "{run: x, workdir: /tmp}"), (.valid, "{run: x, workdir: 5}"), (.invalid, "{run: x, workdir: [a]}"),
    (.valid, "{run: x, env: {A: b, C: 5, D: true, E: ''}}"), (.valid, "{run: x, env: {}}"),
    (.invalid, "{run: x, env: []}"),
    (.invalid, "{run: x, env: {A: ~}}"), (.invalid, "{run: x, env: {A-B: x}}"), (.invalid, "{run: x, env: {1A: x}}"),
    (.invalid, "{run: x, env: {ASTRO_X: x}}"), (.invalid, "{run: x, env: {A: [x]}}"), (.invalid, "{run: x, env: }"),
    (.invalidForTheParserOnly, "{run: x, env: {A: '${{ params.x }}'}}"),
    (.invalidForTheParserOnly, "{run: x, env: {A: '${{ }}'}}"),
    (.invalidForTheParserOnly, "{run: x, env: {A: \"\\0\"}}"),
    (.valid, "{run: x, needs: a}"), (.valid, "{run: x, needs: [a, b, a]}"), (.valid, "{run: x, needs: []}"),
    (.invalid, "{run: x, needs: }"), (.invalid, "{run: x, needs: [[a]]}"), (.invalid, "{run: x, needs: [~]}"),
    (.invalid, "{run: x, needs: {a: b}}"), (.invalid, "{run: x, needs: [A B]}"),
    (.invalidForTheParserOnly, "{run: x, needs: c}"),
    (.invalidForTheParserOnly, "{run: x, needs: 5}"), (.invalidForTheParserOnly, "{run: x, needs: t}"),
    (.valid, "{run: x, if: 'true'}"), (.valid, "{run: x, if: true}"), (.valid, "{run: x, if: 1}"),
    (.valid, "{run: x, if: always()}"),
    (.invalid, "{run: x, if: ''}"), (.invalid, "{run: x, if: ' '}"), (.invalid, "{run: x, if: [a]}"),
    (.invalid, "{run: x, if: }"),
    (.invalidForTheParserOnly, "{run: x, if: 1 +}"), (.invalidForTheParserOnly, "{run: x, if: -1.}"),
    (.valid, "{run: x, timeout: 5}"), (.valid, "{run: x, timeout: 1.5}"), (.valid, "{run: x, timeout: 1e3}"),
    (.valid, "{run: x, timeout: 5m}"), (.valid, "{run: x, timeout: 0.5h}"), (.valid, "{run: x, timeout: '30'}"),
    (.valid, "{run: x, timeout: 100ms}"), (.valid, "{run: x, timeout: 007s}"), (.invalid, "{run: x, timeout: 0}"),
    (.invalid, "{run: x, timeout: 0s}"), (.invalid, "{run: x, timeout: 0.0h}"), (.invalid, "{run: x, timeout: -5}"),
    (.invalid, "{run: x, timeout: -5s}"), (.invalid, "{run: x, timeout: 5w}"), (.invalid, "{run: x, timeout: 5 m}"),
    (.invalid, "{run: x, timeout: 1.s}"), (.invalid, "{run: x, timeout: .5s}"), (.invalid, "{run: x, timeout: true}"),
    (.invalid, "{run: x, timeout: [5]}"), (.invalid, "{run: x, timeout: 3155760001}"),
    (.valid, "{run: x, timeout: 3155760000}"),
    (.invalid, "{run: x, timeout: '${{ params.t }}'}"), (.invalidForTheParserOnly, "{run: x, timeout: 36526d}"),
    (.invalidForTheParserOnly, "{run: x, timeout: 0.0001ms}"), (.valid, "{run: x, grace: 0}"),
    (.valid, "{run: x, grace: 0s}"),
    (.invalid, "{run: x, grace: -1}"), (.invalid, "{run: x, grace: soon}"),
    (.valid, "{run: x, retry: {}}"),
    (.valid, "{run: x, retry: {attempts: 3, delay: 0, factor: 1, max_delay: 1m, jitter: false}}"),
    (.valid, "{run: x, retry: {on_exit: [1, 255], on_error: [timeout, signal, lost, start, output]}}"),
    (.valid, "{run: x, retry: {attempts: 3.0, on_exit: []}}"), (.invalid, "{run: x, retry: 3}"),
    (.invalid, "{run: x, retry: {attempts: 0}}"),
    (.invalid, "{run: x, retry: {attempts: 101}}"), (.invalid, "{run: x, retry: {attempts: 1.5}}"),
    (.invalid, "{run: x, retry: {attempts: '3'}}"),
    (.invalid, "{run: x, retry: {factor: 0.5}}"), (.invalid, "{run: x, retry: {factor: 101}}"),
    (.invalid, "{run: x, retry: {max_delay: 0}}"),
    (.invalid, "{run: x, retry: {jitter: yes}}"), (.invalid, "{run: x, retry: {on_exit: [0]}}"),
    (.invalid, "{run: x, retry: {on_exit: [256]}}"),
    (.invalid, "{run: x, retry: {on_exit: 1}}"), (.invalid, "{run: x, retry: {on_error: [oom]}}"),
    (.invalid, "{run: x, retry: {retries: 3}}"),
    (.valid, "{run: x, resources: {processes: 1}}"), (.invalid, "{run: x, resources: {processes: 0}}"),
    (.invalid, "{run: x, resources: {processes: 1.5}}"), (.invalid, "{run: x, resources: {processes: 4194305}}"),
    (.valid, "{run: x, resources: {}}"), (.valid, "{run: x, resources: {cpus: 0.5, memory: 512MiB}}"),
    (.valid, "{run: x, resources: {cpus: 2, memory: 1048576}}"), (.valid, "{run: x, resources: {memory: 1.5G}}"),
    (.valid, "{run: x, resources: {memory: 2097152.0}}"), (.invalid, "{run: x, resources: {memory: 1048575}}"),
    (.invalid, "{run: x, resources: {memory: 512MB}}"), (.invalid, "{run: x, resources: {memory: 512 MiB}}"),
    (.invalid, "{run: x, resources: {memory: -1}}"), (.invalid, "{run: x, resources: {memory: 0}}"),
    (.invalid, "{run: x, resources: {memory: 1048576.5}}"), (.invalid, "{run: x, resources: {memory: true}}"),
    (.invalid, "{run: x, resources: {memory: '0GiB'}}"),
    (.invalidForTheParserOnly, "{run: x, resources: {memory: 5K}}"),
    (.invalid, "{run: x, resources: {cpus: 0}}"), (.invalid, "{run: x, resources: {cpus: '2'}}"),
    (.invalid, "{run: x, resources: {cpus: 4097}}"), (.invalid, "{run: x, resources: {gpus: 1}}"),
    (.invalid, "{run: x, resources: 512MiB}"),
    (.valid, "{run: x, continue_on_error: true}"), (.invalid, "{run: x, continue_on_error: 'true'}"),
    (.invalid, "{run: x, continue_on_error: 1}"),
    (.valid, "{run: x, outputs: [a, b-c, _d]}"), (.valid, "{run: x, outputs: []}"),
    (.invalid, "{run: x, outputs: [a, a]}"),
    (.invalid, "{run: x, outputs: [1]}"), (.invalid, "{run: x, outputs: ['a b']}"), (.invalid, "{run: x, outputs: a}"),
    (.valid, "{run: x, agent: command}"), (.valid, "{run: x, agent: any thing}"), (.invalid, "{run: x, agent: ''}"),
    (.invalid, "{run: x, agent: 5}"),
    (.invalid, "{run: x, agent: '${{ params.a }}'}"), (.valid, "{run: x, capabilities: [shell, 'python 3']}"),
    (.valid, "{run: x, capabilities: []}"),
    (.invalid, "{run: x, capabilities: shell}"), (.invalid, "{run: x, capabilities: [5]}"),
    (.invalid, "{run: x, capabilities: ['']}"),
    (.invalid, "{run: x, capabilities: ['a ${{ x }}']}"),
  ]

  /// Keys beside `tasks`.
  static let heads: [(Judgement, String)] = [
    (.valid, "tools: {}"), (.valid, "tools: {look-up_2: {description: x, run: y}}"), (.invalid, "tools: [x]"),
    (.invalid, "tools:"), (.invalid, "tools: {a.b: {description: x, run: y}}"),
    (.invalid, "tools: {\(String(repeating: "n", count: 65)): {description: x, run: y}}"),
    (.invalid, "tools: {a: {run: y}}"), (.invalid, "tools: {a: {description: x}}"), (.invalid, "tools: {a: y}"),
    (.invalid, "tools: {a: {description: '', run: y}}"), (.invalid, "tools: {a: {description: 5, run: y}}"),
    (.invalid, "tools: {a: {description: '${{ params }}', run: y}}"),
    (.invalid, "tools: {a: {description: x, run: '${{ params }}'}}"),
    (.invalid, "tools: {a: {description: x, run: []}}"), (.invalid, "tools: {a: {description: x, run: {y: z}}}"),
    (.valid, "tools: {a: {description: x, run: [y, 5, '${{ params }}']}}"),
    (.valid, "tools: {a: {description: x, run: y, timeout: 5s, idempotent: true, env: {A: '${{ args }}'}}}"),
    (.invalid, "tools: {a: {description: x, run: y, timeout: 0}}"),
    (.invalid, "tools: {a: {description: x, run: y, idempotent: yes}}"),
    (.invalid, "tools: {a: {description: x, run: y, env: {ASTRO_X: z}}}"),
    (.invalid, "tools: {a: {description: x, run: y, shell: bash}}"),
    (.valid, "tools: {a: {description: x, run: y, parameters: {type: object, properties: {b: {type: string}}}}}"),
    (.valid, "tools: {a: {description: x, run: y, parameters: {}}}"),
    (.invalid, "tools: {a: {description: x, run: y, parameters: {type: array}}}"),
    (.invalid, "tools: {a: {description: x, run: y, parameters: {properties: [b]}}}"),
    (.invalid, "tools: {a: {description: x, run: y, parameters: {properties: {b: string}}}}"),
    (.invalid, "tools: {a: {description: x, run: y, parameters: object}}"),
    (.invalidForTheParserOnly, "tools: {a: {description: x, run: y, parameters: {title: '${{ params }}'}}}"),
    (.invalidForTheParserOnly, "tools: {a: {description: x, run: [y, '${{ args }}']}}"),
    (.valid, "name: nightly_report-2"), (.valid, "name: '5'"), (.invalid, "name: 5"), (.invalid, "name: Nightly"),
    (.invalid, "name: ''"),
    (.valid, "name: \(String(repeating: "n", count: 64))"), (.invalid, "name: \(String(repeating: "n", count: 65))"),
    (.invalid, "nmae: x"),
    (.valid, "description: 'any ${{ text }}'"), (.invalid, "description: [x]"), (.invalid, "description: 5"),
    (.invalid, "description:"),
    (.valid, "labels: {a: x, b: 5, c: true, '': ''}"), (.invalid, "labels: {a: ~}"), (.invalid, "labels: {a: [x]}"),
    (.invalid, "labels: [a]"),
    (.invalid, "labels: {a: 'x ${{ params.b }}'}"), (.valid, "user: alice"), (.valid, "user: a.b@c"),
    (.invalid, "user: ''"), (.invalid, "user: a b"),
    (.invalid, "user: a/b"), (.invalid, "user: 5"), (.valid, "priority: 100"), (.valid, "priority: -100"),
    (.valid, "priority: 1.0"),
    (.invalid, "priority: 101"), (.invalid, "priority: 0.5"), (.invalid, "priority: high"), (.invalid, "priority: '5'"),
    (.valid, "not_before: 2026-11-24T02:00:00Z"), (.valid, "not_before: '2026-11-24t02:00:00.5+01:00'"),
    (.invalid, "not_before: 2026-11-24"),
    (.invalid, "not_before: tomorrow"), (.invalid, "not_before: 5"), (.invalid, "not_before: 2026-11-24 02:00:00Z"),
    (.invalidForTheParserOnly, "not_before: 2026-02-30T00:00:00Z"), (.valid, "deadline: 2h"), (.invalid, "deadline: 0"),
    (.invalid, "deadline: soon"),
    (.valid, "env: {A: '${{ params }}', LANG: C}"), (.invalid, "env: {a b: x}"), (.invalid, "env: x"),
    (.valid, "defaults: {}"),
    (
      .valid,
      "defaults: {timeout: 5m, grace: 1s, retry: {attempts: 2}, shell: bash, workdir: x, continue_on_error: true}"
    ),
    (.valid, "defaults: {agent: command, capabilities: [shell], env: {A: b}}"), (.invalid, "defaults: {needs: [a]}"),
    (.invalid, "defaults: {run: x}"), (.valid, "defaults: {resources: {memory: 1GiB}}"),
    (.invalid, "defaults: {timeout: 0}"), (.invalid, "defaults: []"), (.invalid, "idempotency_key: x"),
    (.valid, "secrets: {}"), (.valid, "secrets: {A: {env: B}, c_1: {file: keys/c}}"), (.invalid, "secrets: [A]"),
    (.invalid, "secrets: {A: B}"), (.invalid, "secrets: {A: {}}"), (.invalid, "secrets: {A: {env: B, file: c}}"),
    (.invalid, "secrets: {A: {env: 'b c'}}"), (.invalid, "secrets: {A: {file: ''}}"),
    (.invalid, "secrets: {A-B: {env: B}}"),
    (.invalid, "secrets: {A: {file: '${{ params.b }}'}}"), (.invalid, "secrets: {A: {evn: B}}"),
    (.invalid, "hooks: {}"), (.valid, "budget: {usd: 1.5, calls: 3}"), (.invalid, "budget: {}"),
    (.valid, "defaults: {limits: [a], budget: {calls: 1}, cache: {max_age: 1h}}"),
    (.invalid, "defaults: {with: {}}"), (.invalidForTheParserOnly, "defaults: {agent: llm}"),
    (.valid, "params: {a: 1, b: x, c: true, d: 1.5, e: [x, 1, true], f: {}, g-h: '', _i: []}"),
    (.invalid, "params: []"), (.invalid, "params: {a: ~}"),
    (.invalid, "params: {a: [~]}"), (.invalid, "params: {a: [[x]]}"), (.invalid, "params: {1a: x}"),
    (.invalid, "params: {a b: x}"),
    (.valid, "params: {a: {type: string, required: true, pattern: '^a$', description: x}}"),
    (.valid, "params: {a: {type: integer, default: 5}}"),
    (.valid, "params: {a: {type: integer, default: 5.0}}"), (.valid, "params: {a: {type: number, default: 5}}"),
    (.valid, "params: {a: {type: boolean, default: false}}"),
    (.valid, "params: {a: {type: list, default: [x]}}"), (.valid, "params: {a: {default: 5}}"),
    (.valid, "params: {a: {pattern: a, default: a}}"),
    (.valid, "params: {a: {required: false, default: a}}"), (.invalid, "params: {a: {type: text}}"),
    (.invalid, "params: {a: {type: integer, default: x}}"),
    (.invalid, "params: {a: {type: integer, default: 1.5}}"), (.invalid, "params: {a: {type: string, default: 5}}"),
    (.invalid, "params: {a: {type: boolean, default: 'true'}}"),
    (.invalid, "params: {a: {type: list, default: x}}"), (.invalid, "params: {a: {type: number, default: [1]}}"),
    (.invalid, "params: {a: {default: ~}}"),
    (.invalid, "params: {a: {default: {x: y}}}"), (.invalid, "params: {a: {required: true, default: x}}"),
    (.invalid, "params: {a: {required: 'yes'}}"),
    (.invalid, "params: {a: {type: integer, pattern: x}}"), (.invalid, "params: {a: {pattern: x, default: 5}}"),
    (.invalid, "params: {a: {pattern: 5}}"),
    (.invalid, "params: {a: {pattern: \(String(repeating: "a", count: 257))}}"),
    (.invalid, "params: {a: {description: 5}}"), (.invalid, "params: {a: {typ: string}}"),
    (.invalidForTheParserOnly, "params: {a: {pattern: '['}}"),
    (.invalidForTheParserOnly, "params: {a: {pattern: '^b$', default: a}}"),
    (.invalid, "params: {\((0...256).map { "p\($0): 1" }.joined(separator: ", "))}"),
  ]

  @Test func theParserJudgesAsTheCorpusSays() {
    for (judgement, text) in Self.corpus {
      let parsed = parse(text)
      #expect((parsed.plan != nil) == (judgement == .valid), "\(text)\(parsed.diagnostics.map(\.rendered).joined())")
    }
  }

  @Test func theSchemaJudgesAsTheCorpusSays() throws {
    let instances = JSONValue.list(
      Self.corpus.map { YAMLDocument(Array($0.1.utf8), file: "w.yaml").root?.value ?? .null })
    let accepted = try Validator.accepts(instances)
    #expect(accepted.count == Self.corpus.count)
    for ((judgement, text), isAccepted) in zip(Self.corpus, accepted) {
      #expect(isAccepted == (judgement != .invalid), "\(text)")
    }
  }

  @Test func theExamplesAreValidForBoth() throws {
    let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../workflows").standardized
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }
    #expect(!files.isEmpty)
    var instances: [JSONValue] = []
    for file in files {
      let bytes = Array(try Data(contentsOf: file))
      let parsed = WorkflowParser.parse(bytes, file: file.lastPathComponent)
      #expect(parsed.diagnostics.isEmpty, "\(parsed.diagnostics.map(\.rendered).joined())")
      instances.append(YAMLDocument(bytes, file: file.lastPathComponent).root?.value ?? .null)
    }
    #expect(try Validator.accepts(.list(instances)).allSatisfy { $0 })
  }

  /// Files of random keys with random values: what no corpus thought of.
  @Test func parserAndSchemaAgreeOnRandomFiles() throws {
    var random = Dice(state: 7)
    let files = (0..<4000).map { _ in random.file() }
    let accepted = try Validator.accepts(
      .list(files.map { YAMLDocument(Array($0.utf8), file: "w.yaml").root?.value ?? .null }))
    for (file, isAccepted) in zip(files, accepted) {
      let parsed = parse(file)
      let errors = parsed.diagnostics.filter { $0.severity == .error }
      // Errors that only the parser can find leave it to the schema.
      if !errors.isEmpty, errors.allSatisfy({ Dice.parserOnly.contains($0.code) }) { continue }
      #expect(isAccepted == errors.isEmpty, "\(file)\(errors.map(\.rendered).joined())")
    }
    // Enough of both kinds, so that agreeing means something.
    #expect(accepted.count(where: { $0 }) > 400)
    #expect(accepted.count(where: { !$0 }) > 500)
  }

  @Test func theSchemaHasTheParsersKeys() throws {
    let schema = try JSONReader.parse(WorkflowSchema.json)
    guard case .map(let top) = schema else {
      Issue.record("no object")
      return
    }
    #expect(top["$schema"] == .string("https://json-schema.org/draft/2020-12/schema"))
    guard case .map(let properties)? = top["properties"] else {
      Issue.record("no properties")
      return
    }
    #expect(Set(properties.keys) == Set(WorkflowKeys.top.names.map(\.text)))
    #expect(WorkflowSchema.json.hasSuffix("}\n"))
  }
}

/// Makes files of the language's words. The same seed makes the same files.
private struct Dice {
  var state: UInt64

  static let parserOnly: Set<String> = [
    "unknown_need", "unknown_task", "unknown_parameter", "unknown_variable", "unknown_name", "expression",
    "missing_need",
    "cycle", "status_function", "not_visible", "pattern", "bad_pattern", "nobody_asked",
  ]
  private static let values = [
    "a", "b", "x y", "''", "' '", "0", "1", "-1", "5", "1.5", "3.0", "300", "true", "false", "yes", "~", "10s",
    "0s", "5m",
    "-5s", "[]", "[a]", "[a, b]", "[1, a]", "[~]", "[[a]]", "[a, a]", "{}", "{a: b}", "{A: b}", "{A: 1, B: true}",
    "{A: ~}",
    "{attempts: 2}", "{attempts: 0}", "{delay: 5s}", "{on_exit: [1]}", "{on_error: [timeout]}",
    "{jitter: true, factor: 2}",
    "{prompt: x}", "{usd: 1}", "{calls: 0}", "{max_age: 5s}", "llm", "exec",
    "{type: string}", "{a: {type: integer, default: 5}}", "{a: {required: true}}", "{a: 5, b: [x]}", "bash", "/bin/sh",
    "./x",
    "always()", "'${{ params.a }}'", "['${{ params.a }}']", "2026-11-24T02:00:00Z", "command", "Name", "007", "0x1F",
    "1e2", "\"a\\nb\"",
  ]
  private static let taskKeys =
    WorkflowKeys.task.names.map(\.text) + ["uses", "runn", "timeout", "env", "needs", "run"]
  private static let topKeys = WorkflowKeys.top.names.map(\.text).filter { $0 != "tasks" } + ["hooks", "nmae"]

  mutating func roll(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }

  private mutating func pairs(_ keys: [String], _ count: Int) -> [String] {
    var used: Set<String> = []
    return (0..<count).compactMap { _ in
      let key = keys[roll(keys.count)]
      return used.insert(key).inserted ? "\(key): \(Self.values[roll(Self.values.count)])" : nil
    }
  }

  mutating func file() -> String {
    let head = pairs(Self.topKeys, roll(4) == 0 ? 1 : 0).map { $0 + "\n" }.joined()
    let own = pairs(Self.taskKeys, roll(4) == 0 ? 2 : 1)
    let run = own.contains { $0.hasPrefix("run:") } || roll(8) == 0 ? [] : ["run: x"]
    return "\(head)tasks: {a: {run: x}, t: {\((run + own).joined(separator: ", "))}}\n"
  }
}

/// python3-jsonschema, an implementation of draft 2020-12 that shares nothing with ours. `make test` installs it.
private enum Validator {
  struct Missing: Error, CustomStringConvertible {
    var description: String
  }

  private static let program = """
    import json, sys
    from jsonschema import Draft202012Validator
    schema, instances = json.load(sys.stdin)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    json.dump([validator.is_valid(instance) for instance in instances], sys.stdout)
    """

  static func accepts(_ instances: JSONValue) throws -> [Bool] {
    let input = JSONValue.list([try JSONReader.parse(WorkflowSchema.json), instances]).json
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("astro-schema-\(UUID().uuidString)")
    try Data(input.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    var complaints = ""
    // Debian's own interpreter first: a python3 earlier in PATH does not see Debian's packages.
    for python in ["/usr/bin/python3", "python3"] {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [python, "-c", program]
      process.standardInput = try FileHandle(forReadingFrom: file)
      let (output, errors) = (Pipe(), Pipe())
      process.standardOutput = output
      process.standardError = errors
      try process.run()
      let answer = output.fileHandleForReading.readDataToEndOfFile()
      complaints += String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      guard process.terminationStatus == 0 else { continue }
      guard case .list(let values) = try JSONReader.parse(Array(answer)) else { continue }
      return values.map { $0 == .bool(true) }
    }
    throw Missing(description: "python3 with jsonschema is needed (apt-get install python3-jsonschema): \(complaints)")
  }
}

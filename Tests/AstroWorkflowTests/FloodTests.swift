import AstroCore
import Testing

@testable import AstroWorkflow

/// Files of many tasks and of many mistakes (goal R17).
@Suite struct Floods {
  @Test func aChainOfTwentyThousandTasksIsRead() throws {
    let text = "tasks:\n  t0: {run: x}\n" + (1..<20_000).map { "  t\($0): {run: x, needs: [t\($0 - 1)]}\n" }.joined()
    let plan = try plan(text)
    #expect(plan.tasks.count == 20_000)
    #expect(plan.tasks[19_999].needs == [19_998])
  }

  @Test func aCircleOfTwentyThousandTasksIsFound() {
    let text = "tasks:\n" + (0..<20_000).map { "  t\($0): {run: x, needs: [t\(($0 + 1) % 20_000)]}\n" }.joined()
    #expect(parse(text).diagnostics.map(\.code) == ["cycle"])
  }

  @Test func moreTasksThanOneFileMayHaveAreRefused() {
    let text = "tasks:\n" + (0..<5).map { "  t\($0): {run: x}\n" }.joined()
    #expect(WorkflowParser.parse(Array(text.utf8), file: "w.yaml", mostTasks: 5).plan?.tasks.count == 5)
    let parsed = WorkflowParser.parse(Array(text.utf8), file: "w.yaml", mostTasks: 4)
    #expect(parsed.plan == nil)
    #expect(
      parsed.diagnostics.map(\.rendered).joined() == """
        w.yaml:2:3: error: a workflow has at most 4 tasks, this one has 5
            t0: {run: x}
            ^
          hint: split it into several files

        """)
  }

  @Test func theSchemaKnowsHowManyTasksAFileMayHave() {
    #expect(WorkflowSchema.json.contains("\"maxProperties\": \(WorkflowParser.mostTasks)"))
  }

  @Test func aThousandErrorsAreShownAndTheRestIsCounted() {
    let text = "tasks:\n" + (0..<1500).map { "  t\($0): {run: x, needs: [nobody]}\n" }.joined()
    let found = parse(text).diagnostics
    #expect(found.count == 1001)
    #expect(found.first?.line == 2)
    #expect(found.last?.rendered == "w.yaml: error: and 500 more errors that are not shown\n")
  }

  @Test func errorsBehindAThousandWarningsRefuseTheFile() {
    let text =
      "tasks:\n" + (0..<1500).map { "  t\($0): {run: [x], shell: sh}\n" }.joined()
      + "  last: {run: x, needs: [nobody]}\n"
    let parsed = parse(text)
    #expect(parsed.plan == nil)
    #expect(parsed.diagnostics.contains { $0.code == "unknown_need" })
  }

  @Test(.timeLimit(.minutes(1))) func unknownNamesAmongManyAreFoundWithoutComparingAllWithAll() {
    let env = (0..<5000).map { "  V\($0): x\n" }.joined()
    let reads = (0..<20_000).map { "  t\($0): {run: ['${{ env.W\($0) }}', '${{ params.p\($0) }}'], needs: [u\($0)]}\n" }
      .joined()
    #expect(parse("env:\n\(env)tasks:\n\(reads)").diagnostics.count == 1001)
  }

  @Test(.timeLimit(.minutes(1))) func oneTaskMayNeedAndReadAllOthers() throws {
    let names = (0..<20_000).map { "t\($0)" }
    let text =
      "tasks:\n" + names.map { "  \($0): {run: x}\n" }.joined()
      + "  all:\n    needs: [\(names.joined(separator: ", "))]\n    run: [\(names.map { "'${{ tasks.\($0).status }}'" }.joined(separator: ", "))]\n"
    #expect(try plan(text).tasks.last?.needs.count == 20_000)
  }

  @Test(.timeLimit(.minutes(1))) func readsOverALongWayAreFollowed() throws {
    let chain = (1..<5000).map {
      "  t\($0): {run: ['${{ tasks.t0.status }}', '${{ tasks.t\($0 / 2).status }}'], needs: [t\($0 - 1)]}\n"
    }
    #expect(try plan("tasks:\n  t0: {run: x}\n" + chain.joined()).tasks.count == 5000)
  }

  @Test func moreParametersThanMayBeAreOneError() {
    let text =
      "params: {\((0...256).map { "p\($0): 1" }.joined(separator: ", "))}\ntasks: {a: {run: ['${{ params.p256 }}']}}\n"
    #expect(parse(text).diagnostics.map(\.message) == ["a workflow has at most 256 parameters"])
  }

  @Test(.timeLimit(.minutes(1))) func aPatternCannotStopTheReader() {
    let text =
      "params: {p: {pattern: '^(a+)+$', default: '\(String(repeating: "a", count: 10_000))!'}}\ntasks: {a: {run: x}}\n"
    #expect(parse(text).diagnostics.map(\.code) == ["pattern"])
  }

  @Test func mutatedWorkflowsGiveAPlanOrAnError() {
    let seed = """
      name: n
      params: {top: 10, day: {type: string, pattern: '^a+$', default: aa}, list: [a, 1]}
      env: {A: '${{ params.top }}'}
      defaults: {retry: {attempts: 2, on_exit: [1]}, env: &e {B: b}}
      tasks:
        a: {run: 'echo hi', outputs: [x], timeout: 5m, shell: [sh, -c]}
        b:
          needs: [a]
          if: ${{ success() && contains(tasks.a.outputs.x, 'y') || params.list[0] == 'a' }}
          run: [echo, "${{ format('{0}', env.B) }}", '${{ tasks.a.stdout }}']
          env: *e

      """
    let tokens = [
      "${{", "}}", "tasks.", "params.", "'", "\"", "(", ")", "[", "]", "{", "}", ": ", "needs: [b]", "if: ", "&&", "!",
      "*e",
      "\n", "  ", "a", "0", "=", "ü", "\0", ".", ",",
    ].map { Array($0.utf8) }
    var state: UInt64 = 42
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<5000 {
      var bytes = Array(seed.utf8)
      for _ in 0...random(5) {
        let at = random(bytes.count)
        switch random(3) {
        case 0: bytes.insert(contentsOf: tokens[random(tokens.count)], at: at)
        case 1: bytes.removeSubrange(at..<min(bytes.count, at + random(10)))
        default: bytes[at] = UInt8(truncatingIfNeeded: random(256))
        }
      }
      let parsed = WorkflowParser.parse(bytes, file: "w.yaml")
      let hasErrors = parsed.diagnostics.contains { $0.severity == .error }
      #expect((parsed.plan == nil) == hasErrors, "\(String(decoding: bytes, as: UTF8.self))")
    }
  }
}

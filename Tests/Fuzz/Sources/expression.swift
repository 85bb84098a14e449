import AstroCore

@testable import AstroWorkflow

/// Any text is a template or an error. What is read can be evaluated, and spelled so that it is read the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let text = String(validating: UnsafeBufferPointer(start: data, count: count), as: UTF8.self) else { return -1 }
  var scanner = TemplateScanner(text)
  let (template, errors) = scanner.template()
  if errors.isEmpty { _ = try? template.render(in: context) }
  for case .expression(let expression) in template.parts { check(expression) }
  var condition = TemplateScanner(text)
  if let expression = try? condition.condition() { check(expression) }
  return 0
}

private func check(_ expression: Expression) {
  let value = try? expression.evaluate(in: context)
  let spelled = expression.spelled
  var parser = ExpressionParser(Array(spelled.utf8), from: 0)
  let again: Expression
  do throws(ExpressionError) {
    again = try parser.whole(until: .end)
  } catch {
    // Parentheses that were not needed are left out, and those that are count as levels.
    return require(error.code == "too_deep", "'\(spelled)' is not read: \(error.message)")
  }
  require(again.spelled == spelled, "'\(spelled)' is read as '\(again.spelled)'")
  require((try? again.evaluate(in: context))?.json == value?.json, "'\(spelled)' has another value")
}

private var context: ExpressionContext {
  ExpressionContext(
    root: { root in
      switch root {
      case .params:
        .map([
          "n": .integer(3), "x": .number(2.5), "s": .string("a{0}b"), "yes": .bool(true), "none": .null,
          "list": .list([.integer(1), .string("b"), .null]), "json": .string(#"{"a": [1, {"b": "c"}]}"#),
        ])
      case .env: .map(["HOME": .string("/root")])
      case .run: .map(["id": .string("r-1")])
      case .tasks, .secrets, .args, .matrix, .item: .null
      }
    },
    task: { $0 == "t" ? .map(["status": .string("succeeded"), "outputs": .map(["o": .string("12")])]) : nil })
}

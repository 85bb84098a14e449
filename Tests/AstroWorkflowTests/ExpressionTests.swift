import AstroCore
import AstroTestKit
import Testing

@testable import AstroWorkflow

/// What expressions mean.
@Suite struct Expressions {
  private var context: ExpressionContext {
    ExpressionContext(
      root: { root in
        switch root {
        case .params:
          .map([
            "n": .integer(3), "x": .number(2.5), "s": .string("abc"), "empty": .string(""), "yes": .bool(true),
            "no": .bool(false), "list": .list([.integer(1), .string("b"), .null]), "my-name": .string("dashed"),
            "loop": .string("loop"),
            "json": .string(#"{"a": [1, {"b": "c"}]}"#),
          ])
        case .env: .map(["HOME": .string("/root")])
        case .run: .map(["id": .string("r-1")])
        case .tasks, .secrets, .args, .matrix, .item: .null
        }
      },
      task: { name in
        name == "fetch"
          ? .map(["status": .string("succeeded"), "exit_code": .integer(0), "outputs": .map(["rows": .string("12")])])
          : nil
      },
      success: false, failure: true, cancelled: false)
  }

  @Test(arguments: [
    // literals
    ("1", "1"), ("-1", "-1"), ("1.5", "1.5"), ("1e3", "1000"), ("2E-1", "0.2"), ("true", "true"), ("false", "false"),
    ("null", "null"), ("'text'", #""text""#), ("'it''s'", #""it's""#), ("''", #""""#), ("'a\\nb'", #""a\\nb""#),
    ("'}}'", #""}}""#), ("9223372036854775807", "9223372036854775807"), ("'ü😀'", #""ü😀""#),
    // reads
    ("params.n", "3"), ("params['n']", "3"), ("params.my-name", #""dashed""#), ("params.none", "null"),
    ("params.none.deeper", "null"), ("params.list[0]", "1"), ("params.list[9]", "null"), ("params.list[-1]", "null"),
    ("params['my-name']", #""dashed""#), ("env.HOME", #""/root""#), ("run.id", #""r-1""#),
    ("tasks.fetch.status", #""succeeded""#), ("tasks.fetch.outputs.rows", #""12""#), ("tasks['fetch'].exit_code", "0"),
    ("tasks.other.status", "null"), ("fromJSON(params.json).a[1].b", #""c""#), ("(params).n", "3"),
    // comparisons
    ("1 == 1.0", "true"), ("1 == '1'", "false"), ("1 != 2", "true"), ("'a' == 'A'", "false"),
    ("null == params.none", "true"),
    ("false == null", "false"), ("0 == false", "false"), ("'a' < 'b'", "true"), ("'Z' < 'a'", "true"),
    ("'10' < '9'", "true"),
    ("2 < 10", "true"), ("2.5 <= 2.5", "true"), ("3 >= 2.5", "true"), ("-1 > -2", "true"), ("'' < 'a'", "true"),
    ("fromJSON('[1,2]') == fromJSON('[1.0, 2]')", "true"), ("fromJSON('{\"a\":1}') == fromJSON('{\"a\":2}')", "false"),
    ("'\u{E9}' == 'e\u{301}'", "false"),
    // logic gives the operand that decided
    ("true && 'x'", #""x""#), ("'' && 'x'", #""""#), ("0 || 'x'", #""x""#), ("'y' || 'x'", #""y""#),
    ("null || false", "false"),
    ("!true", "false"), ("!''", "true"), ("!0", "true"), ("!null", "true"), ("!params.list", "false"),
    ("!!'a'", "true"),
    ("'0' && 'zero is a text'", #""zero is a text""#), ("!fromJSON('[]')", "false"),
    // precedence: ! before < before == before && before ||
    ("true || false && false", "true"), ("(true || false) && false", "false"), ("!false && false", "false"),
    ("!(false && false)", "true"), ("1 < 2 == true", "true"), ("true == 1 < 2", "true"), ("1 == 1 && 2 == 2", "true"),
    ("false && fromJSON('x') || 'kept'", #""kept""#), ("1 == 2 || 3 > 2 && 'all'", #""all""#),
    ("!params.no == true", "true"),
    // functions
    ("success()", "false"), ("failure()", "true"), ("always()", "true"), ("cancelled()", "false"),
    ("success ( )", "false"),
    ("contains('hello', 'ell')", "true"), ("contains('hello', '')", "true"), ("contains('hello', 'Ell')", "false"),
    ("contains('aab', 'ab')", "true"), ("contains('ababab', 'abac')", "false"), ("contains('ab', 'abc')", "false"),
    ("contains(params.list, 'b')", "true"), ("contains(params.list, 1.0)", "true"),
    ("contains(params.list, 'z')", "false"),
    ("contains(params.none, 'x')", "false"), ("contains(123, '2')", "true"), ("startsWith('hello', 'he')", "true"),
    ("startsWith('he', 'hello')", "false"), ("endsWith('hello', 'lo')", "true"), ("endsWith('hello', 'l')", "false"),
    ("startsWith(params.n, '3')", "true"), ("format('{0}-{1}-{0}', 'a', 2)", #""a-2-a""#),
    ("format('{{{0}}}', 1)", #""{1}""#), ("format('{0}\u{301}{{\u{301}', 1)", "\"1\u{301}{\u{301}\""),
    ("format('plain')", #""plain""#), ("join(params.list)", #""1,b,""#), ("join(params.list, ' + ')", #""1 + b + ""#),
    ("join(fromJSON('[]'))", #""""#), ("toJSON(params.list)", #""[1,\"b\",null]""#),
    ("toJSON('a\"b')", #""\"a\\\"b\"""#),
    ("fromJSON('[1, 2.5, \"x\", null, true]')", #"[1,2.5,"x",null,true]"#), ("fromJSON(toJSON(params)).n", "3"),
    ("default(params.none, 7)", "7"), ("default(params.empty, 'e')", #""e""#), ("default(0, 7)", "0"),
    ("default(false, 7)", "false"),
  ])
  func haveTheirValues(source: String, json: String) throws {
    #expect(try expression(source).evaluate(in: context).json == json)
    // The same between braces, and without any space that is not needed.
    #expect(try expression("${{ \(source) }}").evaluate(in: context).json == json)
    #expect(try expression("${{\(source)}}").evaluate(in: context).json == json)
  }

  @Test(arguments: [
    ("1 < 'a'", "'<' cannot compare an integer with a string"),
    ("true > 1", "'>' cannot compare a boolean with an integer"),
    ("null <= 1", "'<=' cannot compare null with an integer"),
    ("params.list >= 1", "'>=' cannot compare a list with an integer"),
    ("params.s.x", "a string has no member 'x'"), ("params.n.x", "an integer has no member 'x'"),
    ("params.s[0]", "a string cannot be indexed by an integer"),
    ("params.list['a']", "a list cannot be indexed by a string"),
    ("params[0]", "a mapping cannot be indexed by an integer"), ("join('abc')", "join() takes a list, not a string"),
    ("fromJSON(5)", "fromJSON() takes a string, not an integer"), ("fromJSON('{')", "JSON ends too early"),
    ("fromJSON('[1,]')", "JSON has an unexpected ']' at offset 3"), ("fromJSON('')", "JSON ends too early"),
    ("format('{1}', 'a')", "format() has a brace that names no argument in '{1}'"),
    ("format('{', 'a')", "format() has a brace that names no argument in '{'"),
    ("format('}', 'a')", "format() has a brace that names no argument in '}'"),
    ("format('{-1}', 'a')", "format() has a brace that names no argument in '{-1}'"),
  ])
  func failInOneSentence(source: String, message: String) throws {
    let tree = try expression(source)
    #expect(throws: EvaluationError(message)) { try tree.evaluate(in: context) }
  }

  @Test func templatesJoinTextAndValues() throws {
    var scanner = TemplateScanner("a ${{ params.n }}${{ params.list }} $x {{y}} ${{ params.none }}b ${{ '}}' }}")
    #expect(try scanner.template().template.render(in: context) == #"a 3[1,"b",null] $x {{y}} b }}"#)
  }

  @Test(arguments: ["plain", "$", "${", "$${", "{{ x }}", "$ {{ x }}", "}}"])
  func textWithoutAnOpeningIsText(text: String) throws {
    var scanner = TemplateScanner(text)
    #expect(scanner.template().template.constant == text)
  }

  @Test func whitespaceOfEveryKindIsSpace() throws {
    #expect(try expression(" \t\r\n 1\n==\t1 \n").evaluate(in: context) == .bool(true))
  }

  @Test func theDeepestTreesAreReadAndEvaluatedOnASmallStack() throws {
    let parentheses = String(repeating: "(", count: 31) + "params.n" + String(repeating: ")", count: 31)
    let brackets = String(repeating: "params[", count: 30) + "'loop'" + String(repeating: "]", count: 30)
    let calls = String(repeating: "default(null, ", count: 31) + "3" + String(repeating: ")", count: 31)
    let chain = Array(repeating: "true", count: 60).joined(separator: " && ")
    let context = context
    let values = onSmallStack {
      [parentheses, brackets, calls, chain, String(repeating: "!", count: 60) + "true"].map { source in
        Result { try expression(source).evaluate(in: context) }
      }
    }
    #expect(try values.map { try $0.get() } == [.integer(3), .string("loop"), .integer(3), .bool(true), .bool(true)])
  }

  @Test func statusIsAskedForAnywhereInTheTree() throws {
    #expect(try expression("params.n > 1 && !(failure() || false)").asksForStatus)
    #expect(try expression("format('{0}', always())").survivesCancel)
    #expect(try !expression("params['success']").asksForStatus)
    #expect(try !expression("success()").survivesCancel)
    #expect(try expression("cancelled()").survivesCancel)
  }
}

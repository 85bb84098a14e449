import AstroCore
import Testing

@testable import AstroWorkflow

/// What `-p name=value` becomes.
@Suite struct Binding {
  private func bind(_ declaration: String, _ given: [String: String]) throws -> String {
    let text = "params: {\(declaration)}\ntasks: {a: {run: x}}\n"
    let bound = Parameters.bind(given, to: try plan(text), source: Array(text.utf8), file: "w.yaml")
    let said = bound.diagnostics.map { diagnostic in
      var diagnostic = diagnostic
      diagnostic.sourceLine = ""
      return "\n" + diagnostic.rendered
    }
    return JSONValue.map(bound.values).json + said.joined()
  }

  @Test(arguments: [
    ("p: {type: string}", "5", #"{"p":"5"}"#), ("p: {type: string}", "", #"{"p":""}"#),
    ("p: {type: integer}", "5", #"{"p":5}"#),
    ("p: {type: integer}", "-5", #"{"p":-5}"#), ("p: {type: number}", "1.5", #"{"p":1.5}"#),
    ("p: {type: number}", "2", #"{"p":2}"#),
    ("p: {type: boolean}", "true", #"{"p":true}"#), ("p: {type: boolean}", "false", #"{"p":false}"#),
    ("p: {type: list}", "a,b", #"{"p":["a","b"]}"#), ("p: {type: list}", "", #"{"p":[]}"#),
    ("p: {type: list}", "a,,b", #"{"p":["a","","b"]}"#),
    ("p: {type: list}", #"[1, "x, y"]"#, #"{"p":[1,"x, y"]}"#), ("p: 10", "3", #"{"p":3}"#),
    ("p: [a]", "b", #"{"p":["b"]}"#),
    ("p: {type: integer}", "x", "{}\nw.yaml:1:10: error: parameter 'p': expected an integer, got 'x'\n"),
    ("p: {type: integer}", "1.5", "{}\nw.yaml:1:10: error: parameter 'p': expected an integer, got '1.5'\n"),
    ("p: {type: integer}", "", "{}\nw.yaml:1:10: error: parameter 'p': expected an integer, got ''\n"),
    (
      "p: {type: integer}", "99999999999999999999",
      "{}\nw.yaml:1:10: error: parameter 'p': expected an integer, got '99999999999999999999'\n"
    ),
    ("p: {type: number}", "1,5", "{}\nw.yaml:1:10: error: parameter 'p': expected a number, got '1,5'\n"),
    ("p: {type: number}", "nan", "{}\nw.yaml:1:10: error: parameter 'p': expected a number, got 'nan'\n"),
    ("p: {type: boolean}", "yes", "{}\nw.yaml:1:10: error: parameter 'p': expected true or false, got 'yes'\n"),
    ("p: {type: list}", "[1,", "{}\nw.yaml:1:10: error: parameter 'p': expected a list, got '[1,'\n"),
    ("p: {pattern: '^[a-z]+$'}", "abc", #"{"p":"abc"}"#),
    (
      "p: {pattern: '^[a-z]+$'}", "ABC",
      "{\"p\":\"ABC\"}\nw.yaml:1:10: error: parameter 'p' does not match the pattern '^[a-z]+$'\n"
    ),
  ])
  func aTextBecomesAValueOfTheDeclaredType(declaration: String, text: String, result: String) throws {
    #expect(try bind(declaration, ["p": text]) == result)
  }

  @Test func whatIsNotGivenHasItsDefaultOrNone() throws {
    #expect(try bind("a: 1, b: {type: string}, c: {default: x}", [:]) == #"{"a":1,"c":"x"}"#)
  }

  @Test func whatIsRequiredMustBeGiven() throws {
    #expect(
      try bind("date: {required: true}", [:]) == """
        {}
        w.yaml:1:10: error: parameter 'date' is required
          hint: give it with -p date=...

        """)
  }

  @Test func unknownOnesNameTheNearest() throws {
    #expect(
      try bind("date: x, top: 1", ["dat": "y", "zzz": "1"]) == """
        {"date":"x","top":1}
        w.yaml: error: there is no parameter 'dat'
          hint: did you mean 'date'?

        w.yaml: error: there is no parameter 'zzz'
          hint: parameters: date, top

        """)
    let none = Parameters.bind(
      ["x": "1"], to: try plan("tasks: {a: {run: x}}\n"), source: Array("tasks: {a: {run: x}}\n".utf8), file: "w.yaml")
    #expect(none.diagnostics.map(\.hint) == ["this workflow takes no parameters"])
  }
}

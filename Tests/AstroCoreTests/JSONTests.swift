import AstroCore
import Testing

@Suite struct JSONTexts {
  @Test(arguments: [
    ("0", JSONValue.integer(0)), ("-0", .integer(0)), ("-12", .integer(-12)), ("9223372036854775807", .integer(.max)),
    ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(9.223372036854775808e18)),
    ("1.5", .number(1.5)),
    ("1e3", .number(1000)), ("1E-2", .number(0.01)), ("-1.25e+2", .number(-125)), (" \t\r\n1 ", .integer(1)),
    ("[]", .list([])),
    ("{}", .map([:])), (#"{"a":1,"a":2}"#, .map(["a": .integer(2)])), (#""\u0041\ud83d\ude00\/""#, .string("A😀/")),
    (#""\b\f\n\r\t\"\\""#, .string("\u{8}\u{C}\n\r\t\"\\")), ("\"\u{7F}\u{2028}\"", .string("\u{7F}\u{2028}")),
    (#"[[1,"x"],null]"#, .list([.list([.integer(1), .string("x")]), .null])),
  ])
  func areRead(text: String, value: JSONValue) throws { #expect(try JSONReader.parse(text) == value) }

  @Test(arguments: [
    ("", "JSON ends too early"), ("tru", "JSON has an unexpected 't' at offset 0"),
    ("[1 2]", "JSON has an unexpected '2' at offset 3"),
    ("{1:2}", "JSON has an unexpected '1' at offset 1"), ("{\"a\" 1}", "JSON has an unexpected '1' at offset 5"),
    ("[", "JSON ends too early"),
    ("1e400", "'1e400' is not a JSON number"), ("1-2", "'1-2' is not a JSON number"),
    ("ü", "JSON has an unexpected byte 195 at offset 0"),
    (#""\ude00""#, "JSON string holds half a surrogate pair"),
    (#""\ud83dx""#, "JSON string holds half a surrogate pair"),
    (#""\ud83d\u0041""#, "JSON string holds half a surrogate pair"),
    (#""\u00g0""#, "JSON string holds a malformed \\u escape"),
    (#""\u+123""#, "JSON string holds a malformed \\u escape"), (#""\u12"#, "JSON string holds a malformed \\u escape"),
    (#""abc"#, "JSON ends inside a string"), ("\"\u{1}\"", "JSON string holds a raw control character"),
    (#""\'""#, "JSON string holds an unknown escape"),
    ("[1]]", "JSON has an unexpected ']' at offset 3"),
  ])
  func areRefusedInOneSentence(text: String, message: String) {
    #expect(throws: EvaluationError(message)) { try JSONReader.parse(text) }
  }

  @Test(arguments: [
    (JSONValue.number(.nan), "null"), (.number(.infinity), "null"), (.number(-0.0), "0"), (.number(3), "3"),
    (.number(0.1), "0.1"),
    (.number(1e300), "1e+300"), (.number(9_007_199_254_740_992), "9007199254740992.0"), (.number(-2.5), "-2.5"),
    (.integer(.min), "-9223372036854775808"),
    (.map(["b": .null, "a": .list([.bool(true), .string("ü")])]), #"{"a":[true,"ü"],"b":null}"#),
  ])
  func areWritten(value: JSONValue, text: String) { #expect(value.json == text) }

  @Test func sixtyFourLevelsAreReadAndNotOneMore() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(throws: Never.self) { try JSONReader.parse(nested(65)) }
    #expect(throws: EvaluationError("JSON is nested more than 64 levels deep")) { try JSONReader.parse(nested(66)) }
  }

  @Test(arguments: [
    (JSONValue.null, false, ""), (.bool(false), false, "false"), (.bool(true), true, "true"), (.integer(0), false, "0"),
    (.integer(-1), true, "-1"),
    (.number(0), false, "0"), (.number(.nan), false, "null"), (.number(0.5), true, "0.5"), (.string(""), false, ""),
    (.string("0"), true, "0"),
    (.list([]), true, "[]"), (.map([:]), true, "{}"),
  ])
  func truthAndText(value: JSONValue, isTruthy: Bool, text: String) {
    #expect(value.isTruthy == isTruthy)
    #expect(value.text == text)
  }
}

import AstroCore
import Testing

@testable import AstroLLM

@Suite struct JSONSchemaTests {
  private func violations(_ schema: String, _ value: String) throws -> [String] {
    try JSONSchema(JSONReader.parse(schema)).violations(in: JSONReader.parse(value)).map(\.description)
  }

  @Test(arguments: [
    (#"{"type":"integer"}"#, "1"), (#"{"type":"integer"}"#, "1.0"), (#"{"type":"number"}"#, "1"),
    (#"{"type":["string","null"]}"#, "null"), ("true", "1"), ("{}", "[]"), (#"{"const":{"a":[1]}}"#, #"{"a":[1.0]}"#),
    (#"{"enum":["a",1,null]}"#, "1"), (#"{"minLength":2,"maxLength":2}"#, #""ü😀""#),
    (#"{"pattern":"^a+$"}"#, #""aa""#), (#"{"pattern":"a"}"#, "5"), (#"{"multipleOf":0.1}"#, "0.3"),
    (#"{"minimum":1,"exclusiveMaximum":2}"#, "1"), (#"{"required":["a"]}"#, #"{"a":null}"#),
    (#"{"required":["a"]}"#, "[]"),
    (#"{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}"#, #"["a",1,2]"#),
    (#"{"uniqueItems":true}"#, "[1,2]"), (#"{"not":{"type":"string"}}"#, "1"),
    (#"{"oneOf":[{"type":"string"},{"minimum":5}]}"#, "4.5e1"),
    (##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}"##, #""x""#), (#"{"format":"date"}"#, #""nonsense""#),
    (##"{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}"##, #"{"next":{"next":{}}}"#),
    (##"{"$ref":"#/$defs/a~1b~0c","$defs":{"a/b~c":true}}"##, "1"),
    (#"{"additionalProperties":{"type":"integer"}}"#, #"{"x":1}"#),
  ])
  func valid(schema: String, value: String) throws { #expect(try violations(schema, value) == []) }

  @Test(arguments: [
    (#"{"type":"integer"}"#, "1.5", "it must be of type integer, not number"),
    (#"{"type":["string","null"]}"#, "{}", "it must be of type string or null, not object"),
    ("false", "1", "it must not be there"), (#"{"const":"a"}"#, "1", #"it must be "a""#),
    (#"{"enum":["a",1]}"#, "2", #"it must be one of "a", 1"#),
    (#"{"minLength":2}"#, #""ü""#, "it must have at least 2 characters"),
    (#"{"maxLength":1}"#, #""ab""#, "it must have at most 1 character"),
    (#"{"pattern":"^a$"}"#, #""b""#, "it must match the pattern ^a$"),
    (#"{"minimum":1.5}"#, "1", "it must be at least 1.5"),
    (#"{"maximum":1}"#, "2", "it must be at most 1"), (#"{"exclusiveMinimum":1}"#, "1", "it must be more than 1"),
    (#"{"exclusiveMaximum":1}"#, "1", "it must be less than 1"),
    (#"{"multipleOf":3}"#, "4", "it must be a multiple of 3"),
    (#"{"minItems":1}"#, "[]", "it must have at least 1 item"),
    (#"{"maxItems":1}"#, "[1,2]", "it must have at most 1 item"),
    (#"{"uniqueItems":true}"#, "[1,1.0]", "its items must all differ"),
    (#"{"items":{"type":"string"}}"#, #"["a",1]"#, "/1: it must be of type string, not integer"),
    (#"{"prefixItems":[true],"items":false}"#, "[1,2]", "/1: it must not be there"),
    (#"{"required":["a"]}"#, "{}", "the member 'a' is missing"),
    (#"{"minProperties":1}"#, "{}", "it must have at least 1 member"),
    (#"{"maxProperties":0}"#, #"{"a":1}"#, "it must have at most 0 members"),
    (#"{"properties":{"a/b":{"type":"string"}}}"#, #"{"a/b":1}"#, "/a~1b: it must be of type string, not integer"),
    (#"{"additionalProperties":false}"#, #"{"x":1}"#, "/x: there is no such member in the schema"),
    (#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#, "1", "it fits none of the 2 schemas of anyOf"),
    (#"{"oneOf":[{"minimum":1},{"minimum":2}]}"#, "3", "it fits 2 of the 2 schemas of oneOf, not exactly one"),
    (#"{"allOf":[{"minimum":1},{"maximum":2}]}"#, "3", "it must be at most 2"),
    (#"{"not":{}}"#, "1", "it fits a schema that it must not fit"),
    (
      ##"{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}"##, #"{"next":{"x":1}}"#,
      "/next/x: there is no such member in the schema"
    ),
    (##"{"$ref":"#"}"##, "1", "the schema refers to itself without end"),
  ])
  func invalid(schema: String, value: String, message: String) throws {
    #expect(try violations(schema, value) == [message])
  }

  @Test(arguments: [
    ("1", "a schema is a mapping, not an integer"), (#"{"type":"text"}"#, "/type: 'text' is no type"),
    (#"{"if":{}}"#, "/if: the keyword 'if' is not supported"),
    (#"{"properties":{"a":{"patern":"x"}}}"#, "/properties/a/patern: the keyword 'patern' is not supported"),
    (#"{"pattern":"("}"#, "/pattern: the pattern cannot be used: '(' has no closing ')'"),
    (##"{"$ref":"#/$defs/a"}"##, "/$ref: '#/$defs/a' is not in this schema"),
    (#"{"$ref":"https://h/s.json"}"#, "/$ref: 'https://h/s.json' is not in this schema"),
    (#"{"required":"a"}"#, "/required: it must be a list of names, not a string"),
    (#"{"minLength":-1}"#, "/minLength: it must be a count, not an integer"),
    (#"{"anyOf":[]}"#, "/anyOf: it must be a list of schemas, not a list"),
    (#"{"items":[{}]}"#, "/items: a schema is a mapping, not a list"),
  ])
  func whatCannotBeUsedIsRefused(schema: String, message: String) throws {
    let value = try JSONReader.parse(schema)
    do {
      _ = try JSONSchema(value)
      Issue.record("accepted")
    } catch {
      #expect(error.description == message)
    }
  }

  @Test func onlySoManyViolationsAreTold() throws {
    let list = "[" + (0..<50).map { "\($0)" }.joined(separator: ",") + "]"
    #expect(try violations(#"{"items":{"type":"string"}}"#, list).count == 10)
  }

  @Test(arguments: [
    (#"{"a":1}"#, #"{"a":1}"#), (" [1] ", "[1]"), ("```json\n{\"a\":1}\n```", #"{"a":1}"#),
    ("Here:\n```\n{\"a\":1}\n```\nDone.", #"{"a":1}"#), ("```text\nno\n```\n```json\n[2]\n```", "[2]"),
    ("The answer is {\"a\":\"}\"} as asked.", #"{"a":"}"}"#), ("I think {so} but [1,2]", "[1,2]"), ("42", "42"),
    (#"{"a":"\"{"}"#, #"{"a":"\"{"}"#),
  ])
  func jsonIsFoundInWhatIsSaid(text: String, json: String) throws {
    #expect(JSONAnswer.find(in: text) == (try JSONReader.parse(json)))
  }

  @Test(arguments: ["", "The answer is 42.", "{", "```json\n{\n```", String(repeating: "{", count: 5000)])
  func whereThereIsNoneNoneIsFound(text: String) { #expect(JSONAnswer.find(in: text) == nil) }

  @Test(arguments: [
    (#"{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}"#, true),
    (#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#, false),
    (#"{"type":"object","properties":{"a":{}},"required":["a"]}"#, false), (#"{"type":"object"}"#, false),
    (#"{"type":"array","items":{"type":"object"}}"#, false), (#"{"type":"string"}"#, true), (#"{"allOf":[{}]}"#, false),
  ])
  func strictIsWhatOpenAITakesAsStrict(schema: String, strict: Bool) throws {
    #expect(AnswerSchema(schema: try JSONReader.parse(schema)).isStrict == strict)
  }
}

import AstroCore
import Testing

@testable import AstroYAML

@Suite struct Scalars {
  @Test(arguments: [
    ("plain words", "plain words"), ("'single ''quoted'''", "single 'quoted'"),
    (#""double \"quoted\"\t\u00e4\x41\/\e\0""#, "double \"quoted\"\tä\u{41}/\u{1B}\0"),
    ("|\n  line 1\n    line 2\n\n  line 3\n", "line 1\n  line 2\n\nline 3\n"), ("|-\n  chomped\n", "chomped"),
    ("|+\n  kept\n\n", "kept\n\n\n"), (">\n  folded\n  words\n\n  next\n", "folded words\nnext\n"),
    ("|2\n    indented\n", "  indented\n"), ("'two\n  lines'", "two lines"), ("\"two\\\n  lines\"", "twolines"),
    ("two\n  lines", "two lines"), ("a#b", "a#b"), ("a # b", "a"), ("http://h:80/x", "http://h:80/x"), ("''", ""),
  ])
  func everyStyleGivesItsText(source: String, text: String) throws {
    let tree = document("k: \(source)\n")
    #expect(tree.diagnostics.isEmpty)
    #expect(try #require(tree.root?.member("k")).text == text)
  }

  @Test(arguments: [
    "no", "No", "NO", "yes", "on", "off", "y", "n", "1:30", "190:20:30", "007", "0123", "00", "-07", "0x", "0xG", "0o",
    "0o8", "0b11", "1_000", "1,000", "0X1F", "0O7", "1e", "1e+", ".", "+", "-.", "+.e1", "--1", "1.2.3", "nulL",
    "tRue", "infinity", "nan", ".Nan", "inf", "+.nan", "-0x1F", "0x-1", "2026-11-24", "=", "<", "1 2", "٣",
  ])
  func stringsStayStrings(source: String) throws {
    #expect(try #require(document("k: \(source)\n").root?.member("k")).scalar == .string(source))
  }

  @Test(arguments: [
    ("~", JSONValue.null), ("null", .null), ("Null", .null), ("NULL", .null), ("", .null), ("true", .bool(true)),
    ("True", .bool(true)), ("TRUE", .bool(true)), ("false", .bool(false)), ("False", .bool(false)),
    ("FALSE", .bool(false)), ("0", .integer(0)), ("-0", .integer(0)), ("+1", .integer(1)), ("-17", .integer(-17)),
    ("0o7", .integer(7)), ("0o17", .integer(15)), ("0x1F", .integer(31)), ("0xff", .integer(255)),
    ("1e3", .number(1000)),
    ("1E+3", .number(1000)), ("1.5e-1", .number(0.15)), ("1.", .number(1)), (".5", .number(0.5)),
    ("-.5", .number(-0.5)),
    ("+0.5", .number(0.5)), ("9223372036854775807", .integer(.max)),
    ("9223372036854775808", .number(9.223372036854775808e18)),
    (".inf", .number(.infinity)), (".Inf", .number(.infinity)), ("+.INF", .number(.infinity)),
    ("-.inf", .number(-.infinity)),
  ])
  func plainOnesHaveTheTypesOfYAML12(source: String, value: JSONValue) throws {
    #expect(try #require(document("k: \(source)\n").root?.member("k")).scalar == value)
  }

  @Test(arguments: ["'1'", "\"1\"", "|-\n  1", ">-\n  1", "!!str 1", "! 1"])
  func quotesBlocksAndTheStringTagMakeText(source: String) throws {
    #expect(try #require(document("k: \(source)\n").root?.member("k")).scalar == .string("1"))
  }

  @Test func coreTagsConvertWhereTheTextAllows() throws {
    let root = try #require(
      document("i: !!int '12'\nf: !!float 1\nb: !!bool 'true'\nn: !!null ''\nbad: !!int x\nl: !!seq [1]\nm: !!map {}\n")
        .root)
    #expect(root.member("i")?.scalar == .integer(12))
    #expect(root.member("f")?.scalar == .number(1))
    #expect(root.member("b")?.scalar == .bool(true))
    #expect(root.member("n")?.scalar == .null)
    #expect(root.member("bad")?.scalar == nil)
    #expect(root.member("l")?.kind == .sequence)
    #expect(root.member("m")?.kind == .mapping)
  }

  @Test func notANumberIsANumber() throws {
    guard case .number(let value)? = try #require(document("k: .nan\n").root?.member("k")).scalar else {
      Issue.record("no number")
      return
    }
    #expect(value.isNaN)
  }

  @Test func jsonIsYAML() throws {
    let json = "{\n\t\"a\": [1, -2.5e3, true, null, \"x\\/\\b\\f\\n\\r\\t\\u00e4\"],\"b\":{},\"c\":[]}"
    let tree = document(json)
    #expect(tree.diagnostics.isEmpty)
    #expect(try #require(tree.root).value == (try JSONReader.parse(json)))
  }
}

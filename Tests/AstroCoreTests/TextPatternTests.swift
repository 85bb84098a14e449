import Testing

@testable import AstroCore

@Suite struct Patterns {
  @Test(arguments: [
    ("abc", "xabcx", true), ("^abc$", "xabcx", false), ("^abc$", "abc", true), ("^abc$", "abc\n", false),
    ("", "anything", true),
    ("a|b", "xbx", true), ("^(a|bc|)$", "", true), ("^(a|bc|)$", "bc", true), ("^(a|bc|)$", "b", false),
    ("^a*$", "", true), ("^a+$", "", false), ("^a+$", "aaa", true), ("^a?b$", "ab", true), ("^a?b$", "aab", false),
    ("^a{2}$", "aa", true), ("^a{2}$", "aaa", false), ("^a{2,}$", "aaaa", true), ("^a{2,}$", "a", false),
    ("^a{1,3}$", "aaa", true), ("^a{1,3}$", "aaaa", false), ("^a{0}$", "", true), ("^(ab){2}$", "abab", true),
    ("^a+?$", "aa", true),
    (#"^\d{4}-\d\d-\d\d$"#, "2026-11-23", true), (#"^\d{4}-\d\d-\d\d$"#, "٢٠٢٦-11-23", false),
    (#"^\w+$"#, "a_Z9", true),
    (#"^\w+$"#, "ä", false), (#"^\s$"#, "\t", true), (#"^\S\D\W$"#, "aa-", true), (#"^[\w.-]+$"#, "a.b-c_d", true),
    ("^[a-c]$", "b", true), ("^[^a-c]$", "b", false), ("^[^a-c]$", "ü", true), ("^[a-]$", "-", true),
    ("^[]$", "x", false),
    ("^[^]$", "x", true), (#"^[\d\-\]]+$"#, "1-]", true), (#"^[^\D]$"#, "5", true), (#"^[^\D]$"#, "x", false),
    ("^.$", "😀", true), ("^.$", "\n", false), (#"^\.$"#, "x", false), (#"\bfoo\b"#, "a foo b", true),
    (#"\bfoo\b"#, "afoo", false),
    (#"\Boo"#, "foo", true), (#"^\u00e4\x41\n$"#, "äA\n", true), (#"^(?:a(b(c)))$"#, "abc", true),
    (#"^\$\{\}\/$"#, "${}/", true),
    ("^(a*)*$", "aaa", true), ("^(a*)*$", "b", false), ("^(a|a)*$", "aaaa", true), ("x*", "", true), ("^$", "", true),
    ("^(|a)+$", "aa", true), ("a^b", "a^b", false), ("日本", "私は日本人", true),
  ])
  func matchAsElsewhere(pattern: String, text: String, matches: Bool) throws {
    #expect(try TextPattern(pattern).matches(text) == matches)
  }

  @Test(arguments: [
    ("[", "'[' has no closing ']'", 0), ("a(b", "'(' has no closing ')'", 1), ("ab)", "')' closes nothing", 2),
    ("*a", "there is nothing to repeat before '*'", 0), ("a|+", "there is nothing to repeat before '+'", 2),
    ("^*", "there is nothing to repeat", 0), ("a{2", "'{' has no closing '}'", 1),
    ("a{x}", "'{' must be written '\\{' or begin a count such as {2,4}", 1),
    ("{2}", "'{' must be written '\\{' or follow what is counted", 0),
    ("a{3,2}", "the count's end is less than its beginning", 1),
    ("a{1001}", "a count is at most 1000", 1), ("a{99999999999999999999}", "a count is at most 1000", 1),
    ("ü[z-a]", "a range goes from one character to a later one", 4),
    (#"[\d-z]"#, "a range goes from one character to a later one", 3),
    ("(?=a)", "'(?' can only begin '(?:': what looks ahead or back is not supported", 0),
    ("(?<n>a)", "'(?' can only begin '(?:': what looks ahead or back is not supported", 0),
    (#"(a)\1"#, "a reference to a group is not supported", 3), (#"\"#, #"'\' at the end escapes nothing"#, 0),
    (#"\q"#, #"'\q' is not known"#, 0), (#"\x4"#, "2 hexadecimal digits of a character are expected", 0),
    (#"\ud800"#, "4 hexadecimal digits of a character are expected", 0),
    ("(((a{99}){99}){99})", "its repetitions are too many to write out", 0),
    ("((((){999}){999}){999})", "its repetitions are too many to write out", 0),
    (String(repeating: "(", count: 40), "it is nested more than 32 levels deep", 32),
    (String(repeating: "a", count: 257), "it is longer than 256 bytes", 0),
  ])
  func areRefusedWithTheirPlace(pattern: String, message: String, offset: Int) {
    #expect(throws: PatternError(message: message, offset: offset)) { try TextPattern(pattern) }
  }

  /// Each of these takes a backtracking matcher longer than the universe has lasted.
  @Test(
    .timeLimit(.minutes(1)),
    arguments: ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*)*x$", "^((a*)*)*$", "(a?){64}a{64}$"])
  func noTextTakesLong(pattern: String) throws {
    #expect(try !TextPattern(pattern).matches(String(repeating: "a", count: 5000) + "!"))
  }

  @Test func longerTextsMatchNothing() throws {
    #expect(try TextPattern("a").matches(String(repeating: "a", count: 65_536)))
    #expect(try !TextPattern("a").matches(String(repeating: "a", count: 65_537)))
  }
}

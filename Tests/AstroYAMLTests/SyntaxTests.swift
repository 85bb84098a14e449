import AstroCore
import Testing

@testable import AstroYAML

/// What libyaml's complaints become.
@Suite struct Syntax {
  @Test(arguments: [
    ("a:\n\tb: 2\n", "2:1: a tab cannot stand here (indent with spaces)"),
    ("a: |\n\tx\n", "2:1: a tab cannot indent (indent with spaces)"),
    ("a: `x`\n", "1:4: a text cannot begin with '`' (quote the text)"),
    ("a: %x\n", "1:4: a text cannot begin with '%' (quote the text)"),
    ("a: [1\nb: 2\n", "2:2: expected ',' or ']' in the list that begins in line 1"),
    ("a: {b: 1\nc: 2\n", "2:2: expected ',' or '}' in the mapping that begins in line 1"),
    ("a: {b: 1\n", "1:4: the mapping that begins here has no closing '}'"),
    ("a: [}\n", "1:5: a value is expected here"),
    (
      "a: 1\n]\n",
      "2:1: expected a key in the mapping that begins in line 1 (keys of one mapping begin in the same column, and each is followed by ': ')"
    ),
    (
      "k: 'x' y\n",
      "1:8: expected a key in the mapping that begins in line 1 (nothing can follow a value in its line: quote the whole text)"
    ),
    (
      "a: - b\n",
      "1:4: a list item cannot begin here (items of a list begin with '- ' in the same column, each in a line of its own; a text '-' must be quoted)"
    ),
    ("- a\nb: 1\n", "2:1: expected '- ' in the list that begins in line 1 (items of a list begin in the same column)"),
    ("a: \"x\n---\n", "2:1: the quoted text that begins in line 1 is not closed"),
    ("a: >x\n", "1:5: nothing can follow in this line"),
    ("a: &\n", "1:5: a name is expected here"), ("a: *\n", "1:5: a name is expected here"),
    ("a: !x!y z\n", "1:4: the tag's prefix is not declared"),
    ("{a: 1} b\n", "1:8: nothing can follow here: the document has ended"),
    ("a: \"\\x4\"\n", "1:7: the escape needs more hexadecimal digits"),
    ("a: [\n\n\n", "1:5: a value is expected here"),
    ("%FOO\n--- a\n", "1:5: found unknown directive name while scanning a directive that begins in line 1"),
  ])
  func isSaidInPlainWords(text: String, said: String) {
    let found = document(text).diagnostics.map {
      "\($0.line):\($0.column): \($0.message)" + ($0.hint.map { " (\($0))" } ?? "")
    }
    #expect(found == [said])
  }
}

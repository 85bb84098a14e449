import Foundation
import Glibc
import Testing

/// R33: nothing that a task prints, or that a file is called, reaches a terminal or a log as a control sequence.
@Suite struct TerminalSafetyTests {
  /// Moves the cursor, sets a title, rings, rubs out, C1 as a scalar and as a byte, breaks a line, turns the direction.
  private static let nasty =
    "\u{1B}[2J\u{1B}]0;title\u{7}\u{8}\r\u{7F}\u{9B}31m\u{85}\u{2028}\u{202E}evil\u{2066}\u{200F}"

  /// As the shell's printf writes it, and a lone byte 9B besides.
  private static let octal = nasty.utf8.map { String(format: "\\%03o", $0) }.joined() + "\\233"

  /// What astro itself sends to a terminal: colours, the end of a line, the beginning of one.
  private func foreignControls(in text: String) -> [String] {
    var text = text.replacingOccurrences(of: "\r\n", with: "\n").replacingOccurrences(of: "\r\u{1B}[K", with: "")
    for colour in 0...97 { text = text.replacingOccurrences(of: "\u{1B}[\(colour)m", with: "") }
    return text.unicodeScalars.filter { scalar in
      switch scalar.value {
      case 0x09, 0x0A: false
      case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
      default: false
      }
    }.map { "U+" + String($0.value, radix: 16) }
  }

  @Test func `no verb lets a control character of a task or a file through`() throws {
    let home = try Home(system: Home.unlimited)
    try home.submit(Workflows.succeeding, as: "na\u{1B}[2J\u{202E}me.yaml")
    try home.submit("tasks: {a: {run: nosuch\u{202E}", as: "broken\u{9B}.yaml")
    let work = """
      description: "\\e[2J\\u202E"
      labels: {"\\e[1m": "\\x9b"}
      tasks:
        prints:
          run: |
            printf '\(Self.octal)' | tee -a /dev/stderr
            printf 'out<<E\\n\(Self.octal)\\nE\\n' | tr -d '\\233' >> "$ASTRO_OUTPUT" || true
            touch "$(printf 'file\(Self.octal)')"
        fails: {run: "printf '\(Self.octal.replacingOccurrences(of: "\\", with: "\\\\"))' >&2; exit 3"}
        missing: {run: ["./no\\e[2J\\u202Esuch"]}
        lost: {needs: [fails], run: 'true'}

      """
    let path = try home.made("work.yaml", work)
    let run = try home.start(["run", path], terminal: PseudoTerminal()).finish()
    var seen: [String: String] = ["run": run.output]
    #expect(run.code == 1, "\(run.output)")
    let id = try home.run(in: "failed")
    try #require(try home.start(["drain"], terminal: PseudoTerminal()).finish().code == 0)
    let verbs = [
      ["status"], ["status", id], ["list"], ["logs", id], ["logs", id, "prints"], ["events"],
      ["events", id], ["explain", id], ["explain", id, "missing"], ["doctor"], ["agents"],
      ["limits"],
      ["health"], ["plan", path], ["validate", path], ["validate", "no\u{1B}[2J.yaml"], ["clean", "--dry-run"],
      ["status", "no\u{1B}[2Jrun"], ["logs", id, "no\u{1B}[2Jtask"], ["cancel", "x\u{9B}"],
      ["retry", "\u{1B}c"],
      ["list", "--state", "\u{1B}[2J"], ["no\u{1B}[2Jverb"], ["logs", id, "--bad\u{1B}[2J"],
    ]
    for verb in verbs {
      for arguments in [verb, verb + ["--json"]] {
        seen[arguments.joined(separator: " ").debugDescription] =
          try home.start(arguments, terminal: PseudoTerminal()).finish().output
      }
    }
    for (verb, text) in seen { #expect(foreignControls(in: text) == [], "\(verb): \(text.debugDescription)") }
    let shown = try #require(seen[["logs", id, "prints"].joined(separator: " ").debugDescription])
    #expect(shown.contains("?[2J?]0;title???"), "\(shown.debugDescription)")
    // Into a pipe, and where it is asked for, the bytes are the task's.
    #expect(try home.astro("logs", id, "prints", "--stdout").output.contains(Self.nasty))
    let raw = try home.start(["logs", id, "prints", "--stdout", "--raw"], terminal: PseudoTerminal()).finish()
    #expect(raw.output.contains("\u{1B}[2J\u{1B}]0;title\u{7}"))
  }

  @Test func `every line of the log and of the events is JSON without control characters`() throws {
    let home = try Home(system: Home.unlimited)
    let names = ["a\u{1B}[2J", "b\u{202E}", "c\u{85}\u{2028}", "d\u{7F}", "e\"\\"]
    for name in names { try home.submit("tasks: {a: {run: [\"./x\\e[2J\\u202E\\x9b\"]}}\n", as: name + ".yaml") }
    try home.submit("tasks: {a: \u{202E}}\n", as: "broken.yaml")
    try home.astro("drain")
    for file in ["logs/astro.log", "data/events.jsonl"] {
      let text = try home.read(file)
      #expect(foreignControls(in: text) == [], "\(file)")
      for line in text.lines { _ = try line.json() }
    }
  }
}

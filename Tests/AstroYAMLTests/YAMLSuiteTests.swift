import AstroCore
import AstroTestKit
import Testing

/// Goal R17: the public yaml-test-suite. The parser never crashes or hangs, reads each case as the suite says, or differs in
/// a way that is listed here.
@Suite(.enabled(if: Corpus.directory != nil)) struct YAMLSuite {
  private static func words(_ text: String) -> [String] { text.split(whereSeparator: \.isWhitespace).map(String.init) }

  /// Everything in which Astro differs, by what it does, with the reason.
  private static let deviations: [String: [String]] = [
    // A file is one document.
    "refused: many_documents": words("35KP 6XDY 6ZKB 9DXL 9KAX JHB9 KSS4 L383 PUW8 RZT7 U9NS"),
    "refused: empty": words("8G76 98YD AVM7 DK95/7 MUS6/2 MUS6/3 MUS6/4"),
    "refused: many_documents tag": words("5TYM 6WLZ 9WXW"),
    // Only the tags of the core schema mean something.
    "refused: tag": words("2XXW 565N 6CK3 7FWL C4HZ CC74 CUP7 J7PZ M5C3 P76L UGM3 Z67P Z9M4"),
    // A key is a text.
    "refused: complex_key": words("4FJ6 6BFJ 6PBE 9MMW KK5P LX3P M2N8/1 M5DY Q9WF RZP5 SBG9 V9D5 X38W XW4D"),
    // libyaml, a reader of YAML 1.1, cannot read what only 1.2 allows: keys without a space after the colon, keys over
    // several lines, tabs as separation, unknown directives.
    "refused: syntax": words(
      """
      2JQS 2LFX 2SXE 4ABK 4MUZ/0 4MUZ/1 4MUZ/2 58MP 5MUD 5T43 6BCT 6CA3 6LVF 6M2F 7Z25 8XYN 96NN/0 96NN/1 9SA2 A2M4 BEC7
      CFD4 DBG4 DK3J DK95/0 DK95/3 DK95/4 FP8R FRK4 HM87/0 HWV9 K3WX M2N8/0 M7A3 MUS6/5 MUS6/6 NHX8 NJ66 NKF9 Q5MG QT73
      R4YG S3PD SM9W/1 UKK6/0 UT92 VJP3/1 W4TN W5VH Y79Y/1 Y79Y/10 ZYU8/0 ZYU8/1 ZYU8/2 ZYU8/3
      """),
    // libyaml is lenient: comments that follow a value at once, lines that are indented too little in a flow.
    "accepted": words("9C9N 9JBA CVW2 DK95/1 G5U8 QB6E S98Z SU5Z X4QW Y79Y/3 YJV2"),
    // To libyaml `?` and `:` end a word where 1.2 has them in it; spaces in the last line of a block that has no newline.
    "another tree": words("652Z HM87/1 JEF9/2 L24T/1 Y2GN"),
    // `!` makes a text of nothing.
    "another value": words("UKK6/2"),
  ]

  @Test(.timeLimit(.minutes(1))) func everyCaseIsReadAsTheSuiteSaysOrIsListed() {
    let files = Corpus.files(in: "yaml-test-suite/src")
    let found = onSmallStack { () -> [String: [String]] in
      var found: [String: [String]] = [:]
      for (name, bytes) in files {
        let cases = YAMLSuiteCase.read(bytes, id: String(name.dropLast(5)))
        if cases.isEmpty { found["unread", default: []].append(name) }
        for one in cases { found[one.outcome, default: []].append(one.id) }
      }
      return found
    }
    #expect(found.values.reduce(0) { $0 + $1.count } == 406)
    #expect(found["agrees"]?.count == 286)
    for outcome in Set(found.keys).union(Self.deviations.keys).subtracting(["agrees"]) {
      #expect(found[outcome] ?? [] == Self.deviations[outcome] ?? [], "\(outcome)")
    }
  }
}

import AstroCore
import AstroTestKit
import Testing

@testable import AstroYAML

/// Goal R17: each shape on a stack of 512 KiB.
@Suite struct Bombs {
  /// One shape of file that has hung or filled a YAML reader before.
  struct Bomb: Sendable, CustomTestStringConvertible {
    var name: String
    var text: String
    /// The code of its refusal.
    var code: String
    var testDescription: String { name }
  }

  static let all: [Bomb] = [
    Bomb(
      name: "billion laughs",
      text: "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + (1..<30).map { i in "a\(i): &a\(i) [\((0..<9).map { _ in "*a\(i - 1)" }.joined(separator: ", "))]\n" }
        .joined(),
      code: "alias_bomb"),
    Bomb(
      name: "quadratic blow-up",
      text: "a: &a [\(String(repeating: "x,", count: 50_000))]\nb: [\(String(repeating: "*a,", count: 50_000))]\n",
      code: "alias_bomb"),
    Bomb(
      name: "one long text and many aliases",
      text: "a: &a '\(String(repeating: "x", count: 1 << 20))'\nb: [\(String(repeating: "*a,", count: 90_000))]\n",
      code: "alias_bomb"),
    Bomb(
      name: "mappings of aliases",
      text: "a0: &a0 {x: y}\n" + (1..<60).map { "a\($0): &a\($0) {p: *a\($0 - 1), q: *a\($0 - 1)}\n" }.joined(),
      code: "alias_bomb"),
    Bomb(
      name: "a chain of aliases, each a level deeper",
      text: "a0: &a0 [x]\n" + (1..<200).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined(), code: "too_deep"),
    Bomb(name: "alias inside itself", text: "a: &a [*a, *a]\n", code: "alias_loop"),
    Bomb(name: "deep flow sequences", text: String(repeating: "[", count: 1_000_000), code: "too_deep"),
    Bomb(name: "deep flow mappings", text: String(repeating: "{a: ", count: 500_000), code: "too_deep"),
    Bomb(name: "deep flow keys", text: String(repeating: "{", count: 500_000), code: "too_deep"),
    Bomb(name: "deep block sequences", text: String(repeating: "- ", count: 500_000) + "x\n", code: "too_deep"),
    Bomb(name: "deep complex keys", text: String(repeating: "? ", count: 500_000) + "x\n", code: "too_deep"),
    Bomb(
      name: "deep block mappings", text: (0..<2000).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
      code: "too_deep"),
    Bomb(
      name: "tag directives", text: (0..<100_000).map { "%TAG !t\($0)! x\n" }.joined() + "---\na: 1\n",
      code: "too_many_directives"),
    Bomb(name: "many documents", text: String(repeating: "---\n", count: 300_000), code: "many_documents"),
    Bomb(
      name: "a key that never ends", text: "a: 1\n" + String(repeating: "k", count: 4_000_000) + ": 2\n", code: "syntax"
    ),
    Bomb(name: "a quote that never ends", text: "a: \"" + String(repeating: "x\n", count: 2_000_000), code: "syntax"),
    Bomb(
      name: "many duplicate keys", text: "{" + String(repeating: "a: 1, ", count: 300_000) + "}", code: "duplicate_key"),
    Bomb(name: "nothing but tags", text: "[" + String(repeating: "!x 1, ", count: 300_000) + "]", code: "tag"),
    Bomb(
      name: "aliases of nothing, in one line", text: "[" + String(repeating: "*x,", count: 300_000) + "]",
      code: "unknown_anchor"),
  ]

  @Test(.timeLimit(.minutes(1)), arguments: all)
  func isRefusedOnASmallStack(bomb: Bomb) {
    let found = onSmallStack { document(bomb.text).diagnostics }
    #expect(found.first?.code == bomb.code)
    #expect(found.count <= 1001)
  }

  @Test func moreNodesThanMayBeAreRefused() {
    #expect(
      document("[1,2,3,4,5,6,7,8,9]", limits: .init(nodes: 8)).diagnostics.map(\.message)
        == ["the file holds more than 8 values"])
  }

  @Test func aFewTagDirectivesAreHarmless() {
    #expect(
      document("%YAML 1.2\n%TAG !t! tag:yaml.org,2002:\n---\na: !t!str 1\n").root?.member("a")?.scalar == .string("1"))
  }

  @Test func collidingKeysAreFoundInTheirOrder() {
    // Same first eight bytes, same length: what a weak hash would put in one chain.
    let keys = (0..<20_000).map { "aaaaaaaa\(100_000 + $0)" }
    let tree = document("{" + keys.map { "\($0): 1" }.joined(separator: ",\n") + "}")
    #expect(tree.diagnostics.isEmpty)
    #expect(tree.root?.entries.underestimatedCount == 20_000)
  }
}

/// Goal R17, without a fuzzer; `make fuzz` has one (R18).
@Suite struct Fuzz {
  static let seeds = [
    "a: 1\nb:\n  - 'x'\n  - {k: \"v\\n\"}\nc: |\n  text\n   more\nd: >-\n  folded\n",
    "x: &a [1, 2, {y: *b}]\nz: *a\n? [c]\n: d\n<<: *a\n!!str e: !t f\n",
    "{\"a\": [1, 2.5e3, true, null, \"\\ud83d\\ude00\\u00e4\"], \"b\": {\"c\": {}}}\n",
    "tasks:\n  a: {run: 'echo ${{ x }}', env: {A: '${{ params.b }}'}}\n  b:\n    needs: [a]\n    if: success() && params.x > 0\n",
    "%YAML 1.2\n%TAG ! tag:x,2000:\n--- # c\n- - - a\n  - b: \n    - c\n...\n",
    "\u{FEFF}ä: '日本 😀'\r\nb: \"\\x41\\U0001F600\"\r\n",
  ]
  /// What breaks readers when it turns up in the wrong place.
  static let tokens = [
    ": ", "- ", "? ", "&a ", "*a", "<<: ", "!!int ", "!t ", "|\n", ">2-\n", "'", "\"", "{", "}", "[", "]", ",", "#",
    "\n",
    "\r", "\t", "  ", "---\n", "...\n", "%TAG ", "\\", "\\ud83d\\ude00", "\\u0000", "\0", "\u{85}", "\u{2028}",
    "\u{FEFF}",
    "${{", "}}", "~", "0x", ".inf", "@", "`",
  ].map { Array($0.utf8) }

  static func mutate(_ bytes: [UInt8], using random: inout SplitMix64) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let at = Int.random(in: 0...bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
      case 1: if at < bytes.count { bytes.remove(at: at) }
      case 2: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
      case 3: bytes.insert(contentsOf: tokens.randomElement(using: &random)!, at: at)
      case 4: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0...12, using: &random)))
      default:
        bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + Int.random(in: 0...40, using: &random))], at: at)
      }
    }
    return bytes
  }

  @Test(.timeLimit(.minutes(5)), arguments: seeds.indices)
  func mutatedDocumentsGiveATreeOrADiagnostic(seed: Int) {
    let strange = onSmallStack { () -> [[UInt8]] in
      var random = SplitMix64(seed: UInt64(seed) + 1)
      let original = Array(Self.seeds[seed].utf8)
      var strange: [[UInt8]] = []
      for _ in 0..<6000 {
        let bytes = Self.mutate(original, using: &random)
        let tree = YAMLDocument(bytes, file: "f.yaml")
        let hasErrors = tree.diagnostics.contains { $0.severity == .error }
        if tree.root == nil, !hasErrors { strange.append(bytes) }
        // The whole tree can be walked, and every place lies in the file.
        let lines = SourceText(bytes)
        for place in tree.places where place.hasPrefix("0:") { strange.append(bytes) }
        for found in tree.diagnostics where found.line > 0 {
          if found.line > lines.count || found.column < 1 || found.rendered.isEmpty { strange.append(bytes) }
        }
        if let root = tree.root { _ = root.value.json }
      }
      return strange
    }
    #expect(strange.isEmpty, "\(strange.first.map { String(decoding: $0, as: UTF8.self).debugDescription } ?? "")")
  }
}

import AstroTestKit
import Foundation
import Testing

@testable import AstroCore

/// R32: what a program may make of a secret is replaced, wherever the stream is cut.
@Suite struct SecretMaskTests {
  private static let secret = "pa ss/w\u{F6}rd+\"<x>&\\'~*\u{1F511}"
  private static let key =
    "-----BEGIN KEY-----\n  c2VjcmV0IGtleQ==/first\r\nshort\nthe third line of it\n-----END KEY-----"

  private func masked(_ text: String, _ secrets: [String]) -> String {
    var mask = SecretMask(secrets: secrets)
    return String(decoding: mask.masked(Array(text.utf8)), as: UTF8.self)
  }

  @Test(arguments: [
    ("token=sk-12345678.", "token=***."), ("sk-12345678sk-12345678", "***"), ("sk-12345678 sk-12345678", "*** ***"),
    ("sk-1234567", "sk-1234567"), ("sk-1234567sk-12345678", "sk-1234567***"), ("", ""),
  ])
  func `a run of covered bytes becomes one mark`(_ text: String, _ expected: String) {
    #expect(masked(text, ["sk-12345678"]) == expected)
  }

  @Test func `spellings that overlap are covered together`() {
    #expect(masked("x abcdefghijkl y", ["abcdefgh", "efghijkl"]) == "x *** y")
    #expect(masked("abababababab!", ["abababab"]) == "***!")
  }

  @Test func `each line is covered by itself, without the white space around it`() {
    #expect(masked("<\(Self.key)>", [Self.key]) == "<***>")
    #expect(masked("c2VjcmV0IGtleQ==/first, the third line of it, short", [Self.key]) == "***, ***, short")
  }

  /// The oracles are other encoders: Foundation's, and texts that Python 3.11, jq 1.6, Go 1.19 and .NET 7 wrote.
  @Test func `URL forms are covered`() throws {
    let secret = Self.secret
    let forms = [
      try #require(secret.addingPercentEncoding(withAllowedCharacters: .urlQueryAllowed)),
      // jq @uri
      "pa%20ss%2Fw%C3%B6rd%2B%22%3Cx%3E%26%5C%27~%2A%F0%9F%94%91",
      // urllib.parse.quote
      "pa%20ss/w%C3%B6rd%2B%22%3Cx%3E%26%5C%27~%2A%F0%9F%94%91",
      // urllib.parse.quote_plus
      "pa+ss%2Fw%C3%B6rd%2B%22%3Cx%3E%26%5C%27~%2A%F0%9F%94%91",
      // encodeURIComponent
      "pa%20ss%2Fw%C3%B6rd%2B%22%3Cx%3E%26%5C'~*%F0%9F%94%91",
      // URLSearchParams
      "pa+ss%2Fw%C3%B6rd%2B%22%3Cx%3E%26%5C%27%7E*%F0%9F%94%91",
      // in lower case
      "pa%20ss%2fw%c3%b6rd%2b%22%3cx%3e%26%5c%27~%2a%f0%9f%94%91",
    ]
    for form in forms { #expect(masked("q=\(form)&r=1", [secret]) == "q=***&r=1", "\(form)") }
  }

  @Test func `JSON forms are covered`() throws {
    let secret = Self.secret
    let foundation = String(decoding: try JSONEncoder().encode([secret]), as: UTF8.self)
    #expect(masked(foundation, [secret]) == #"["***"]"#)
    var writer = JSONWriter()
    writer.string(secret)
    #expect(masked(String(decoding: writer.bytes, as: UTF8.self), [secret]) == #""***""#)
    let forms = [
      // json.dumps
      #"pa ss/w\u00f6rd+\"<x>&\\'~*\ud83d\udd11"#,
      // json_encode
      #"pa ss\/w\u00f6rd+\"<x>&\\'~*\ud83d\udd11"#,
      // encoding/json
      #"pa ss/wörd+\"\u003cx\u003e\u0026\\'~*🔑"#,
      // System.Text.Json
      #"pa ss/w\u00F6rd\u002B\u0022\u003Cx\u003E\u0026\\\u0027~*\uD83D\uDD11"#,
    ]
    for form in forms { #expect(masked("{\"k\":\"\(form)\"}", [secret]) == #"{"k":"***"}"#, "\(form)") }
    #expect(
      masked(#"a "-----BEGIN KEY-----\n  c2VjcmV0IGtleQ==/first\r\nshort\nthe"#, [Self.key]).contains("first") == false)
  }

  /// In each place within the groups of three bytes, in both alphabets; what is left are the digits it shares with its
  /// neighbours.
  @Test(arguments: [secret, key, "0123456789abcdef", "???>>>~~~"])
  func `base64 is covered whatever stands around it`(_ secret: String) {
    for before in ["", "u", "us", "usr", "user:"] {
      for after in ["", "\n", "xy", "xyz"] {
        let standard = Data((before + secret + after).utf8).base64EncodedString()
        let urlSafe = String(standard.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
        for text in [standard, urlSafe] {
          let result = masked(text, [secret])
          let clear = result.split(separator: "***", omittingEmptySubsequences: false)
          #expect(clear.count == 2, "\(text): \(result)")
          #expect(clear[0].count <= (before.utf8.count * 8 + 5) / 6 + 1, "\(result)")
          #expect(clear[1].count <= ((after.utf8.count + 2) * 8) / 6 + 3, "\(result)")
          if before.isEmpty, after.isEmpty { #expect(result == "***") }
        }
      }
    }
  }

  /// base64(1) breaks its lines after 76 characters, MIME with CR LF.
  @Test(arguments: [Data.Base64EncodingOptions.endLineWithLineFeed, .endLineWithCarriageReturn, []])
  func `base64 is covered across line breaks`(_ end: Data.Base64EncodingOptions) {
    for width in [Data.Base64EncodingOptions.lineLength64Characters, .lineLength76Characters] {
      let text = Data(("user:" + Self.key + "!").utf8).base64EncodedString(options: [width, end])
      let result = masked(text, [Self.key])
      #expect(result.components(separatedBy: "***").count == 2 && result.utf8.count < 20, "\(result)")
    }
  }

  @Test func `a text broken by an empty line is none`() {
    let text = Data("0123456789abcdef".utf8).base64EncodedString()
    let broken = text.prefix(8) + "\n\n" + text.dropFirst(8)
    #expect(masked(String(broken), ["0123456789abcdef"]) == String(broken))
  }

  @Test func `a secret that is too short is left`() { #expect(masked("1234567", ["1234567"]) == "1234567") }

  @Test func `nothing is held back that cannot become a secret`() {
    var mask = SecretMask(secrets: ["sk-12345678"])
    #expect(mask.mask(Array("hello".utf8)) == Array("hello".utf8))
    #expect(mask.mask(Array(" sk-123".utf8)) == Array(" ".utf8))
    #expect(mask.mask(Array("4 x".utf8)) == Array("sk-1234 x".utf8))
    #expect(mask.mask(Array("sk-1".utf8)).isEmpty)
    #expect(mask.finish() == Array("sk-1".utf8))
    #expect(mask.finish().isEmpty)
  }

  // MARK: Against a reference

  /// Marks what each spelling covers, byte by byte, and replaces the runs.
  private func reference(_ text: [UInt8], _ secrets: [String]) -> [UInt8] {
    let spellings = SecretSpellings(secrets)
    var covered = [Bool](repeating: false, count: text.count)
    func cover(_ pattern: [UInt8], skipping: Bool) {
      for start in text.indices {
        var (place, matched) = (start, 0)
        while place < text.count, matched < pattern.count {
          if text[place] == pattern[matched] {
            matched += 1
            place += 1
          } else if skipping, matched > 0, let gap = lineBreak(at: place) {
            place += gap
            guard place < text.count, text[place] == pattern[matched] else { break }
          } else {
            break
          }
        }
        if matched == pattern.count { for index in start..<place { covered[index] = true } }
      }
    }
    func lineBreak(at place: Int) -> Int? {
      if text[place] == 0x0D { return place + 1 < text.count && text[place + 1] == 0x0A ? 2 : 1 }
      return text[place] == 0x0A ? 1 : nil
    }
    for pattern in spellings.literal { cover(pattern, skipping: false) }
    for pattern in spellings.base64 { cover(pattern, skipping: true) }
    var result: [UInt8] = []
    for index in text.indices {
      if !covered[index] {
        result.append(text[index])
      } else if index == 0 || !covered[index - 1] {
        result += SecretMask.mark
      }
    }
    return result
  }

  /// Texts of pieces of spellings, so that nearly everything is nearly a secret; secrets that overlap with themselves and
  /// with each other.
  private struct Case {
    var secrets: [String]
    var text: [UInt8]

    init(seed: UInt64) {
      var random = SplitMix64(seed: seed)
      let letters = Array(["ab", "aB\n", "a/+ ", "\u{F6}a\"", "Y\nW"].randomElement(using: &random)!)
      secrets = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        String((0..<Int.random(in: 8...20, using: &random)).map { _ in letters.randomElement(using: &random)! })
      }
      let spellings = SecretSpellings(secrets)
      let forms = (Array(spellings.literal) + spellings.base64).sorted { $0.lexicographicallyPrecedes($1) }
      text = []
      while text.count < 300 {
        guard let form = forms.randomElement(using: &random) else { return }
        let cut = Int.random(in: 0...form.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: text += form
        case 1: text += form[..<cut]
        case 2: text += form[cut...]
        case 3:
          let breaks: [[UInt8]] = [[0x0A], [0x0D, 0x0A], [0x0D], [0x0A, 0x0A]]
          text += form[..<cut] + breaks.randomElement(using: &random)! + form[cut...]
        case 4: text.append(UInt8.random(in: 0...255, using: &random))
        default: text += form[cut...] + form
        }
      }
    }
  }

  @Test func `it covers what the reference covers, however the stream is cut`() {
    for seed in UInt64(0)..<150 {
      let sample = Case(seed: seed)
      let expected = reference(sample.text, sample.secrets)
      var mask = SecretMask(secrets: sample.secrets)
      #expect(mask.masked(sample.text) == expected, "seed \(seed): the whole")
      var random = SplitMix64(seed: seed)
      for most in [1, 2, 7, 64] {
        var result: [UInt8] = []
        var rest = sample.text[...]
        while !rest.isEmpty {
          let piece = rest.prefix(Int.random(in: 1...most, using: &random))
          result += mask.mask(piece)
          rest = rest.dropFirst(piece.count)
        }
        #expect(result + mask.finish() == expected, "seed \(seed): pieces of up to \(most)")
      }
    }
  }

  @Test func `every single cut of a stream gives the same`() {
    let sample = Case(seed: 7)
    let expected = reference(sample.text, sample.secrets)
    var mask = SecretMask(secrets: sample.secrets)
    for cut in 0...sample.text.count {
      let result = mask.mask(sample.text[..<cut]) + mask.mask(sample.text[cut...]) + mask.finish()
      #expect(result == expected, "cut at \(cut)")
    }
  }

  /// What is given out is never longer than what came: a file can be masked where it lies.
  @Test func `the longest secret against itself takes no time to speak of and little memory`() {
    let secret = String(repeating: "a", count: 4095) + "b"
    var mask = SecretMask(secrets: [secret])
    var given = 0
    for _ in 0..<64 { given += mask.mask(repeatElement(UInt8(ascii: "a"), count: 4096)).count }
    #expect(given >= 63 * 4096 - 4096)
    #expect(mask.mask([UInt8(ascii: "b")]).count <= 4096)
    #expect(given + mask.finish().count <= 64 * 4096 + 1)
  }
}

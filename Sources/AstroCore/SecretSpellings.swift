/// How a secret may look in what programs print: as it is, each line of it, and as encoders write it.
struct SecretSpellings {
  /// To be found as they stand.
  private(set) var literal: Set<[UInt8]> = []
  /// To be found with line breaks in between.
  private(set) var base64: Set<[UInt8]> = []

  init(_ secrets: [String]) {
    for secret in secrets {
      for piece in Self.pieces(of: secret) {
        literal.insert(Array(piece))
        addURLForms(of: piece)
        addJSONForms(of: piece)
        addBase64Forms(of: piece)
      }
    }
  }

  /// The whole, and each of its lines without the white space around it.
  private static func pieces(of secret: String) -> [ArraySlice<UInt8>] {
    let whole = Array(secret.utf8)[...]
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    let lines = whole.split(separator: 0x0A).map { line in
      let start = line.drop(while: isSpace)
      return start.prefix((start.lastIndex { !isSpace($0) } ?? start.startIndex - 1) + 1 - start.startIndex)
    }
    return ([whole] + lines.filter { $0 != whole }).filter { $0.count >= SecretMask.shortest }
  }

  // MARK: URL

  /// What is left as it is beside letters and digits: the unreserved characters of RFC 3986 (curl, jq `@uri`), with `/`
  /// (Python's quote), those of encodeURIComponent and encodeURI (ECMA-262), and of forms (WHATWG URL), where a space is `+`.
  private static let safeInURLs: [(safe: String, plus: Bool)] = [
    ("-._~", false), ("-._~/", false), ("-._~!*'()", false), ("-._~!*'();/?:@&=+$,#", false), ("-._~", true),
    ("-._*", true),
  ]

  private mutating func addURLForms(of piece: ArraySlice<UInt8>) {
    for (safe, plus) in Self.safeInURLs {
      let safe = Set(safe.utf8)
      for digits in [Hexadecimal.upper, .lower] {
        var form: [UInt8] = []
        for byte in piece {
          if Self.isAlphanumeric(byte) || safe.contains(byte) {
            form.append(byte)
          } else if byte == 0x20, plus {
            form.append(UInt8(ascii: "+"))
          } else {
            form += [UInt8(ascii: "%")] + digits.spell(byte)
          }
        }
        literal.insert(form)
      }
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  // MARK: JSON

  /// What an encoder writes as `\u` though RFC 8259 would let it stand.
  fileprivate struct JSONStyle {
    var escapesSlash = false
    /// Everything from DEL on.
    var isASCII = false
    /// The quote too is among them.
    var unsafe = ""
    var digits = Hexadecimal.lower
  }

  /// As it stands, in ASCII (Python), with `\/` (PHP, Foundation), safe in HTML (Go), and all of that (.NET).
  private static let jsonStyles: [JSONStyle] = [
    JSONStyle(), JSONStyle(digits: .upper), JSONStyle(escapesSlash: true), JSONStyle(isASCII: true),
    JSONStyle(isASCII: true, digits: .upper), JSONStyle(escapesSlash: true, isASCII: true),
    JSONStyle(escapesSlash: true, isASCII: true, digits: .upper), JSONStyle(unsafe: "<>&"),
    JSONStyle(isASCII: true, unsafe: "<>&'+`\"", digits: .upper),
  ]

  private mutating func addJSONForms(of piece: ArraySlice<UInt8>) {
    let text = String(decoding: piece, as: UTF8.self).unicodeScalars
    for style in Self.jsonStyles {
      var form: [UInt8] = []
      for scalar in text { form += style.spell(scalar) }
      literal.insert(form)
    }
  }

  // MARK: Base64

  /// RFC 4648: what of the encoding depends on the secret alone, for each way it may lie in the groups of three bytes,
  /// in either alphabet; and with the end that it has when nothing follows it.
  private mutating func addBase64Forms(of piece: ArraySlice<UInt8>) {
    for before in 0..<3 {
      let padded = [UInt8](repeating: 0, count: before) + piece
      let first = (before * 8 + 5) / 6
      let last = padded.count * 8 / 6
      for alphabet in [Base64Alphabet.standard, .urlSafe] {
        let digits = alphabet.encode(padded)
        base64.insert(Array(digits[first..<last]))
        base64.insert(Array(digits[first...]))
        base64.insert(digits[first...] + [UInt8](repeating: UInt8(ascii: "="), count: (3 - padded.count % 3) % 3))
      }
    }
  }
}

extension SecretSpellings.JSONStyle {
  fileprivate func spell(_ scalar: Unicode.Scalar) -> [UInt8] {
    if unsafe.unicodeScalars.contains(scalar) || (isASCII && scalar.value >= 0x7F) { return escape(scalar) }
    switch scalar.value {
    case 0x22: return Array("\\\"".utf8)
    case 0x5C: return Array("\\\\".utf8)
    case 0x2F where escapesSlash: return Array("\\/".utf8)
    case 0x08: return Array("\\b".utf8)
    case 0x09: return Array("\\t".utf8)
    case 0x0A: return Array("\\n".utf8)
    case 0x0C: return Array("\\f".utf8)
    case 0x0D: return Array("\\r".utf8)
    case 0..<0x20: return escape(scalar)
    default: return Array(Unicode.UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter)
    }
  }

  private func escape(_ scalar: Unicode.Scalar) -> [UInt8] {
    Character(scalar).utf16.flatMap { unit in
      Array("\\u".utf8) + digits.spell(UInt8(unit >> 8)) + digits.spell(UInt8(unit & 0xFF))
    }
  }
}

/// The digits of base 16 in one of their two cases.
private struct Hexadecimal {
  static let lower = Hexadecimal(digits: Array("0123456789abcdef".utf8))
  static let upper = Hexadecimal(digits: Array("0123456789ABCDEF".utf8))
  private let digits: [UInt8]

  func spell(_ byte: UInt8) -> [UInt8] { [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
}

private struct Base64Alphabet {
  static let standard = Base64Alphabet(signs: "+/")
  static let urlSafe = Base64Alphabet(signs: "-_")
  private let digits: [UInt8]

  private init(signs: String) {
    digits = Array(("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + signs).utf8)
  }

  /// One digit for each six bits, the last filled up with zeros, without padding.
  func encode(_ bytes: [UInt8]) -> [UInt8] {
    (0..<(bytes.count * 8 + 5) / 6).map { index in
      let bit = index * 6
      let high = Int(bytes[bit / 8]) << 8
      let low = bit / 8 + 1 < bytes.count ? Int(bytes[bit / 8 + 1]) : 0
      return digits[(high | low) >> (10 - bit % 8) & 63]
    }
  }
}

import AstroCore

/// Label values in the text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
enum LabelValue {
  /// `\`, `"` and newline are escaped; other control and bidirectional characters become `?`, because the page is
  /// also read on terminals and the format has no escape for them.
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\", "\"": result.append(contentsOf: ["\\", scalar])
      case "\n": result.append(contentsOf: ["\\", "n"])
      default: result.append(Terminal.isUnsafe(scalar) ? "?" : scalar)
      }
    }
    return String(result)
  }

  /// Undoes ``escaped(_:)``.
  static func unescaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    var isEscaped = false
    for scalar in text.unicodeScalars {
      if !isEscaped, scalar == "\\" {
        isEscaped = true
      } else {
        result.append(isEscaped && scalar == "n" ? "\n" : scalar)
        isEscaped = false
      }
    }
    return String(result)
  }

  /// The length of the escaped value at the start of `bytes`, which must be ended by an unescaped quote; `nil` when it
  /// is not, or when it holds what ``escaped(_:)`` never writes.
  static func length(_ bytes: Substring.UTF8View) -> Int? {
    var count = 0
    var isEscaped = false
    for byte in bytes {
      switch (isEscaped, byte) {
      case (true, UInt8(ascii: "\\")), (true, UInt8(ascii: "\"")), (true, UInt8(ascii: "n")): isEscaped = false
      case (true, _), (false, 0..<0x20): return nil
      case (false, UInt8(ascii: "\\")): isEscaped = true
      case (false, UInt8(ascii: "\"")): return count
      case (false, _): break
      }
      count += 1
    }
    return nil
  }
}

/// A path as a word for /bin/sh, for commands that people copy from a message.
enum ShellWord {
  static func quoted(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { byte in
      switch UnicodeScalar(byte) {
      case "a"..."z", "A"..."Z", "0"..."9", "/", ".", "-", "_", "+", ",", "@", ":", "=": true
      default: false
      }
    }
    guard !plain || text.isEmpty else { return text }
    // By bytes, as the shell sees it: to Swift, a quote with an accent on it is another character.
    let quote = UInt8(ascii: "'")
    return String(
      decoding: [quote] + text.utf8.flatMap { $0 == quote ? Array("'\\''".utf8) : [$0] } + [quote], as: UTF8.self)
  }
}

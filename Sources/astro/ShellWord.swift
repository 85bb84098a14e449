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
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}

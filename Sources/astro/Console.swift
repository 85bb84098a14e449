import AstroCore
import Glibc
import Synchronization

/// What goes to stderr: for people, never for programs.
enum Message {
  static func error(_ text: String) { write("astro: \(Terminal.printable(text))\n") }
  static func note(_ text: String) { write("\(Terminal.printable(text))\n") }
  /// Several lines that quote what a user wrote: an argument may be a hostile file's name that `*` found.
  static func lines(_ text: String) {
    let lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    for line in lines { note(String(Substring(line))) }
  }
  /// Diagnostics come with their own form and are printable already.
  static func show(_ diagnostics: [Diagnostic]) { for diagnostic in diagnostics { write(diagnostic.rendered) } }

  /// Nothing can be said about a stderr that cannot be written.
  static func write(_ text: String) { _ = Array(text.utf8).write(to: STDERR_FILENO) }
}

/// What goes to stdout: data. The first write that fails is remembered and nothing more is written: verbs go on with
/// what they do, and ``Astro`` says at their end that their output is not whole.
enum Output {
  private static let problem = Mutex<Int32>(0)
  /// `errno` of the write that failed; `nil` while all is well.
  static var failure: Int32? { problem.withLock { $0 == 0 ? nil : $0 } }

  static func line(_ line: String = "") { text(line + "\n") }
  static func text(_ text: String) { bytes(Array(text.utf8)) }
  static func json(_ body: (inout JSONWriter) -> Void) { text(jsonText(body)) }
  /// One document and its newline.
  static func jsonText(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter(reserving: 1024)
    body(&writer)
    writer.newline()
    return String(decoding: writer.bytes, as: UTF8.self)
  }
  static func bytes(_ bytes: [UInt8]) {
    problem.withLock { if $0 == 0 { $0 = bytes.write(to: STDOUT_FILENO) } }
  }

  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Bytes of tasks for a terminal: control characters but newline and tab become `?`, so that no output can move a
  /// cursor or change a title.
  static func visible(_ bytes: ArraySlice<UInt8>) {
    var text = String.UnicodeScalarView()
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      text.append(scalar == "\n" || scalar == "\t" || !Terminal.isUnsafe(scalar) ? scalar : "?")
    }
    self.text(String(text))
  }

  static func table(_ head: [String], _ rows: [[String]]) { text(Table.text(head, rows)) }
}

extension [UInt8] {
  /// - Returns: `errno`; 0 when all of it was written.
  fileprivate func write(to descriptor: Int32) -> Int32 {
    var rest = self[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno != EINTR { return errno }
      rest = rest.dropFirst(Swift.max(0, count))
    }
    return 0
  }
}

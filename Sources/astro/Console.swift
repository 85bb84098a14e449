import AstroCore
import Glibc

/// What goes to stderr: for people, never for programs.
enum Message {
  static func error(_ text: String) { write("astro: \(Terminal.printable(text))\n") }
  static func note(_ text: String) { write("\(Terminal.printable(text))\n") }
  /// Diagnostics come with their own form and are printable already.
  static func show(_ diagnostics: [Diagnostic]) { for diagnostic in diagnostics { write(diagnostic.rendered) } }

  static func write(_ text: String) { Output.write(Array(text.utf8), to: STDERR_FILENO) }
}

/// What goes to stdout: data.
enum Output {
  static func line(_ line: String = "") { text(line + "\n") }
  static func text(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }
  static func json(_ body: (inout JSONWriter) -> Void) { text(jsonText(body)) }
  /// One document and its newline.
  static func jsonText(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter(reserving: 1024)
    body(&writer)
    writer.newline()
    return String(decoding: writer.bytes, as: UTF8.self)
  }
  static func bytes(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Bytes of tasks: on a terminal control characters but newline and tab become `?`, so that no output can move a
  /// cursor or change a title; into a pipe or file they go as they are.
  static func foreign(_ bytes: [UInt8]) {
    guard isTerminal else { return write(bytes, to: STDOUT_FILENO) }
    var text = String.UnicodeScalarView()
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      text.append(scalar == "\n" || scalar == "\t" || !Terminal.isUnsafe(scalar) ? scalar : "?")
    }
    write(Array(String(text).utf8), to: STDOUT_FILENO)
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var offset = 0
    bytes.withUnsafeBytes { buffer in
      while offset < buffer.count {
        let written = Glibc.write(descriptor, buffer.baseAddress! + offset, buffer.count - offset)
        if written < 0 {
          if errno == EINTR { continue }
          return
        }
        offset += written
      }
    }
  }

  static func table(_ head: [String], _ rows: [[String]]) { text(Table.text(head, rows)) }
}

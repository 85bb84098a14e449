import AstroCore
import AstroRunner
import Glibc

/// The terminal as something of a size that is drawn on again and again.
enum Screen {
  /// Columns and rows; 80 by 24 where the terminal does not say.
  static func size(of descriptor: Int32) -> (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Shows `frame` now and every second until a signal comes, or until nobody takes it any more. On a terminal each frame is drawn over the last, cut to
  /// the screen; elsewhere one follows the other. The cursor is never hidden, so that there is nothing to bring back.
  static func refresh(until signals: SignalInbox, _ frame: () throws -> String) throws {
    let isTerminal = Output.isTerminal
    if isTerminal { Output.text("\u{1B}[2J") }
    while true {
      let text = try frame()
      Output.text(isTerminal ? drawn(text) : text)
      if Output.failure != nil { throw AstroCore.ExitCode.ok }
      var entry = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&entry, 1, 1000) > 0 { return }
    }
  }

  private static func drawn(_ text: String) -> String {
    let (columns, rows) = size(of: STDOUT_FILENO)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(rows - 1)
    return "\u{1B}[H" + lines.map { cut(String($0), to: columns) + "\u{1B}[K\n" }.joined() + "\u{1B}[J"
  }

  static func cut(_ line: String, to columns: Int) -> String {
    line.unicodeScalars.count <= columns
      ? line : String(String.UnicodeScalarView(line.unicodeScalars.prefix(max(0, columns - 1)))) + "…"
  }
}

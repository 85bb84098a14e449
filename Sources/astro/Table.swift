import AstroCore

/// Columns for people.
enum Table {
  /// Padded to their widest cell; the last is left as it is. Everything is made printable.
  static func text(_ head: [String], _ rows: [[String]]) -> String {
    let all = ([head] + rows).map { $0.map { Terminal.printable($0) } }
    let widths = head.indices.map { column in all.map { $0[column].unicodeScalars.count }.max() ?? 0 }
    var text = ""
    for row in all {
      let cells = row.enumerated().map { index, cell in
        index == row.count - 1
          ? cell : cell + String(repeating: " ", count: widths[index] - cell.unicodeScalars.count)
      }
      // The last cell may be empty: no blanks at the end of a line.
      let line = cells.joined(separator: "  ")
      text += (line.lastIndex { $0 != " " }.map { String(line[...$0]) } ?? "") + "\n"
    }
    return text
  }
}

extension String {
  /// The blocks of a page in Markdown that are fenced as being in `language`, in order.
  func fencedBlocks(in language: String) -> [String] {
    var blocks: [String] = []
    var block: [Substring]?
    for line in split(separator: "\n", omittingEmptySubsequences: false) {
      switch (line, block) {
      case (_, nil) where line == "```\(language)": block = []
      case ("```", let lines?):
        blocks.append(lines.joined(separator: "\n") + "\n")
        block = nil
      case (_, .some): block?.append(line)
      default: break
      }
    }
    return blocks
  }
}

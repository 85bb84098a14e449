import AstroYAML

/// The words put before a script.
///
/// | `shell:` | becomes |
/// | --- | --- |
/// | absent | `/bin/sh -eu -c` |
/// | an absolute path of a POSIX shell: sh, dash, bash, ksh, zsh | the path, `-eu -c` |
/// | another absolute path | the path, `-c` |
/// | a bare name | `/usr/bin/env` and the same flags, so that PATH decides |
/// | a list | the list itself |
enum Shell {
  static let standard = ["/bin/sh", "-eu", "-c"]
  private static let posix: Set<String> = ["sh", "dash", "bash", "ksh", "zsh"]

  /// The words for an interpreter named by a string; `nil` for a relative path, for none, and for one with spaces.
  static func words(for interpreter: String) -> [String]? {
    guard !interpreter.isEmpty, !interpreter.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { return nil }
    let name = interpreter.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    let flags = posix.contains(name) ? ["-eu", "-c"] : ["-c"]
    if interpreter.hasPrefix("/") { return name.isEmpty ? nil : [interpreter] + flags }
    return name == interpreter ? ["/usr/bin/env", interpreter] + flags : nil
  }
}

extension WorkflowReader {
  func shell(_ node: YAMLNode) -> [String]? {
    switch node.kind {
    case .mapping: decoder.mismatch("a shell's name, its path, or a list of words", at: node)
    case .sequence:
      for word in node.items { refuseExpression(word) }
      let words = decoder.list(node, of: "words") { self.programText($0) }
      if words?.isEmpty == true || words?.first?.isEmpty == true {
        decoder.error("bad_shell", "the shell's name is empty", at: node)
        return nil
      }
      return words
    case .scalar:
      guard let name = decoder.string(node) else { return nil }
      guard TemplateScanner.firstOpening(in: node) == nil else {
        refuseExpression(node)
        return nil
      }
      if let words = Shell.words(for: name) { return words }
      decoder.error(
        "bad_shell", "\(StrictDecoder.describe(node)) is no shell", at: node,
        hint: "give a name such as bash, an absolute path, or a list of words such as [bash, -x, -c]")
    }
    return nil
  }
}

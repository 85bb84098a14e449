import AstroCore

/// Outputs that are no file's, within the bounds of those written to `$ASTRO_OUTPUT`.
enum ResultOutputs {
  /// The members of an object as outputs: lists and mappings become JSON.
  /// - Parameter line: of stdout, where they stand.
  static func texts(_ members: [String: JSONValue], line: Int? = nil) throws(MalformedResult) -> [String: String] {
    let outputs = members.mapValues(\.text)
    try check(outputs, line: line)
    return outputs
  }

  /// - Throws: the first thing that is wrong with them: a name that is none, or more than 1 MiB of them.
  static func check(_ outputs: [String: String], line: Int? = nil) throws(MalformedResult) {
    func malformed(_ flaw: String) -> MalformedResult {
      line.map { MalformedResult(line: $0, flaw) } ?? MalformedResult(flaw)
    }
    for name in outputs.keys.sorted() where !OutputFile.isKey(Array(name.utf8)[...]) {
      throw malformed("'\(Terminal.printable(name))' is not a name of an output")
    }
    let size = outputs.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    if size > OutputFile.limit { throw malformed("the outputs are larger than 1 MiB") }
  }
}

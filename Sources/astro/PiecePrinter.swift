import AstroCore

/// Prints pieces of the streams of several attempts so that it is always clear whose they are.
struct PiecePrinter {
  struct Source: Hashable {
    var key: AttemptKey
    var stream: OutputStream
  }

  enum Form: Equatable {
    /// The bytes: as they are, or with control characters made visible.
    case plain(isRaw: Bool)
    /// One object a line of output.
    case json
  }

  private let form: Form
  /// In the plain form, wherever the source changes, as tail(1) has them.
  private let hasHeaders: Bool
  private var current: Source?
  private var isAtLineStart = true
  /// What is held back of each source: half a line, or half a character.
  private var rests: [Source: [UInt8]] = [:]
  /// Longer lines are told in pieces, so that a task that prints no newline needs no memory of ours.
  private static let longestLine = 1 << 20

  init(_ form: Form, hasHeaders: Bool) {
    self.form = form
    self.hasHeaders = hasHeaders
  }

  mutating func print(_ bytes: some Collection<UInt8>, of source: Source) {
    guard !bytes.isEmpty else { return }
    let whole = (rests.removeValue(forKey: source) ?? []) + bytes
    switch form {
    case .json: printLines(whole, of: source)
    case .plain(let isRaw):
      // A character cut in two would be shown as two broken ones.
      let rest = isRaw ? 0 : UTF8Tail.incomplete(whole)
      if rest > 0 { rests[source] = Array(whole.suffix(rest)) }
      printPlain(whole.dropLast(rest), of: source, isRaw: isRaw)
    }
  }

  /// Nothing more comes of this source.
  mutating func finish(_ source: Source) {
    guard let rest = rests.removeValue(forKey: source), !rest.isEmpty else { return }
    switch form {
    case .json: printLine(rest[...], of: source)
    case .plain(let isRaw): printPlain(rest[...], of: source, isRaw: isRaw)
    }
  }

  private mutating func printPlain(_ bytes: ArraySlice<UInt8>, of source: Source, isRaw: Bool) {
    guard let last = bytes.last else { return }
    if source != current, hasHeaders {
      let name = Terminal.printable(source.key.task)
      Output.line(
        "\(isAtLineStart ? "" : "\n")==> \(name), attempt \(source.key.number) (\(source.stream.rawValue)) <==")
    }
    current = source
    isAtLineStart = last == 0x0A
    if isRaw { Output.bytes(Array(bytes)) } else { Output.visible(bytes) }
  }

  private mutating func printLines(_ bytes: [UInt8], of source: Source) {
    var rest = bytes[...]
    while let end = rest.firstIndex(of: 0x0A) {
      printLine(rest[..<end], of: source)
      rest = rest[(end + 1)...]
    }
    if rest.count > Self.longestLine {
      printLine(rest, of: source)
    } else if !rest.isEmpty {
      rests[source] = Array(rest)
    }
  }

  private func printLine(_ line: ArraySlice<UInt8>, of source: Source) {
    Output.json { writer in
      writer.beginObject()
      writer.member("workflow_id", source.key.workflow.text)
      writer.member("task_id", source.key.task)
      writer.member("attempt", source.key.number)
      writer.member("stream", source.stream.rawValue)
      writer.member("line", String(decoding: line, as: UTF8.self))
      writer.endObject()
    }
  }
}

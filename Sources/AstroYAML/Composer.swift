import CLibYAML

/// Turns libyaml's events into records. One loop with a stack of its own: nothing in here recurses.
struct Composer {
  /// A collection that is still open.
  struct Frame {
    var record: Int
    var anchor: String?
    /// ``expanded`` and ``expandedText`` when it was opened.
    var expandedBefore: Int
    var textBefore: Int
    /// Levels of collections below it so far.
    var height = 0
  }

  /// What an alias of this name stands for. `size` is `nil` while the node is still open: it cannot contain itself.
  struct Anchor {
    var record: Int
    /// In nodes, and in bytes of text, aliases expanded.
    var size: Int?
    var textSize: Int
    var height: Int
  }

  /// Stops the loop; the diagnostic has been added.
  struct Abandoned: Error {}

  let limits: YAMLDocument.Limits
  var findings: Findings
  var records: [Record] = []
  var text: [UInt8] = []
  var surrogates = SurrogatePairs()
  /// Whether the whole file was read and ``records`` is a tree.
  private(set) var isComplete = false
  var frames: [Frame] = []
  var anchors: [String: Anchor] = [:]
  /// Nodes and bytes of text so far, with what aliases add.
  var expanded = 0
  var expandedText = 0
  private var documents = 0

  init(source: [UInt8], file: String, limits: YAMLDocument.Limits) {
    self.limits = limits
    findings = Findings(source: source, file: file)
  }

  mutating func run() {
    let source = findings.source
    guard checkBytes(source) else { return }
    let respelled = surrogates.respell(source) ?? source
    // More than most files need: untouched pages of the reserve cost nothing, growing would copy what is there.
    records.reserveCapacity(min(respelled.count / 6, limits.nodes))
    text.reserveCapacity(respelled.count)
    respelled.withUnsafeBufferPointer { bytes in
      let body = bytes.starts(with: UTF8Text.byteOrderMark) ? bytes[3...] : bytes[...]
      parse(UnsafeBufferPointer(rebasing: body), leading: bytes.count - body.count)
    }
  }

  private mutating func checkBytes(_ source: [UInt8]) -> Bool {
    if source.count > limits.bytes {
      findings.add("too_large", "the file is larger than \(limits.bytes >> 20) MiB")
    } else if UTF8Text.isUTF16(source) {
      findings.add("not_utf8", "the file is UTF-16", hint: "save it as UTF-8")
    } else if let offset = UTF8Text.firstInvalid(source) {
      let place = findings.sourceText.place(ofByte: offset)
      let byte = String(source[offset], radix: 16, uppercase: true)
      findings.add(
        "not_utf8", "byte 0x\(byte) is not valid UTF-8", line: place.line, column: place.column,
        hint: "save the file as UTF-8")
    } else if let offset = Directives.excess(in: source) {
      let place = findings.sourceText.place(ofByte: offset)
      findings.add(
        "too_many_directives", "the file has more than \(Directives.most) lines that begin with '%TAG'",
        line: place.line,
        column: place.column, width: 4)
    } else {
      return true
    }
    return false
  }

  private mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>, leading: Int) {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else {
      return findings.add("out_of_memory", "there is not enough memory to read the file")
    }
    defer { yaml_parser_delete(&parser) }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
    var event = yaml_event_t()
    do {
      while true {
        guard yaml_parser_parse(&parser, &event) == 1 else {
          return report(parser, leading: leading)
        }
        defer { yaml_event_delete(&event) }
        if event.type == YAML_STREAM_END_EVENT { break }
        try take(&event)
      }
    } catch { return }
    finish()
  }

  private mutating func finish() {
    let isEmpty = records.first.map { $0.kind == .plain && $0.count == 0 && $0.tag == .none } ?? true
    if isEmpty { return findings.add("empty", "the file is empty") }
    isComplete = true
  }

  private mutating func take(_ event: inout yaml_event_t) throws(Abandoned) {
    guard records.count < limits.nodes else {
      throw abandon("too_many_nodes", "the file holds more than \(limits.nodes) values", event.start_mark)
    }
    switch event.type {
    case YAML_DOCUMENT_START_EVENT:
      documents += 1
      if documents > 1 {
        throw abandon("many_documents", "a file holds one document, and a second one begins here", event.start_mark)
      }
    case YAML_SCALAR_EVENT: scalar(event)
    case YAML_SEQUENCE_START_EVENT: try openSequence(event)
    case YAML_MAPPING_START_EVENT: try openMapping(event)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: close(event)
    case YAML_ALIAS_EVENT: try alias(event)
    default: break  // the stream's start, a document's end
    }
  }

  // MARK: nodes

  private mutating func scalar(_ event: yaml_event_t) {
    let scalar = event.data.scalar
    let kind: Record.Kind
    switch scalar.style {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: kind = .singleQuoted
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: kind = .doubleQuoted
    case YAML_LITERAL_SCALAR_STYLE: kind = .literal
    case YAML_FOLDED_SCALAR_STYLE: kind = .folded
    default: kind = .plain
    }
    var record = record(kind, event)
    record.first = UInt32(text.count)
    record.count = UInt32(scalar.length)
    if scalar.tag != nil { record.tag = scalarTag(scalar.tag, event.start_mark) }
    text.append(contentsOf: UnsafeBufferPointer(start: scalar.value, count: scalar.length))
    expandedText += scalar.length
    if scalar.anchor != nil {
      anchors[String(cString: scalar.anchor)] = Anchor(
        record: records.count, size: 1, textSize: scalar.length, height: 0)
    }
    append(record)
  }

  private mutating func openSequence(_ event: yaml_event_t) throws(Abandoned) {
    let start = event.data.sequence_start
    if start.tag != nil { checkTag(start.tag, is: "seq", event.start_mark) }
    try open(record(.sequence, event), anchor: start.anchor, event)
  }

  private mutating func openMapping(_ event: yaml_event_t) throws(Abandoned) {
    let start = event.data.mapping_start
    if start.tag != nil { checkTag(start.tag, is: "map", event.start_mark) }
    try open(record(.mapping, event), anchor: start.anchor, event)
  }

  private mutating func open(
    _ record: Record, anchor: UnsafeMutablePointer<yaml_char_t>?, _ event: yaml_event_t
  ) throws(Abandoned) {
    guard frames.count < limits.depth else { throw tooDeep(event.start_mark) }
    let name = anchor.map { String(cString: $0) }
    if let name { anchors[name] = Anchor(record: records.count, size: nil, textSize: 0, height: 0) }
    let frame = Frame(record: records.count, anchor: name, expandedBefore: expanded, textBefore: expandedText)
    append(record)
    frames.append(frame)
  }

  private mutating func close(_ event: yaml_event_t) {
    let frame = frames.removeLast()
    let end = place(event.end_mark)
    records[frame.record].first = UInt32(records.count)
    records[frame.record].endLine = end.line
    records[frame.record].endColumn = end.column
    if !frames.isEmpty { frames[frames.count - 1].height = max(frames[frames.count - 1].height, frame.height + 1) }
    if let name = frame.anchor, anchors[name]?.record == frame.record {
      anchors[name] = Anchor(
        record: frame.record, size: expanded - frame.expandedBefore, textSize: expandedText - frame.textBefore,
        height: frame.height + 1)
    }
    if records[frame.record].kind == .mapping { checkKeys(of: frame.record) }
  }

  private mutating func alias(_ event: yaml_event_t) throws(Abandoned) {
    let name = String(cString: event.data.alias.anchor)
    var record = record(.alias, event)
    guard let anchor = anchors[name] else {
      let place = place(event.start_mark)
      findings.add(
        "unknown_anchor", "there is no anchor '&\(name)' before this alias", line: Int(place.line),
        column: Int(place.column), width: name.unicodeScalars.count + 1)
      record.kind = .plain
      return append(record)
    }
    guard let size = anchor.size else {
      throw abandon("alias_loop", "the alias '*\(name)' stands inside the node it names", event.start_mark)
    }
    guard frames.count + anchor.height <= limits.depth else { throw tooDeep(event.start_mark) }
    record.first = UInt32(anchor.record)
    append(record)
    expanded += size - 1
    expandedText += anchor.textSize
    if expanded - records.count > limits.expandedNodes {
      throw abandon("alias_bomb", "aliases expand past \(limits.expandedNodes) nodes", event.start_mark)
    }
    if expandedText - text.count > limits.expandedBytes {
      throw abandon("alias_bomb", "aliases expand past \(limits.expandedBytes >> 20) MiB of text", event.start_mark)
    }
    if !frames.isEmpty { frames[frames.count - 1].height = max(frames[frames.count - 1].height, anchor.height) }
  }

  private mutating func append(_ record: Record) {
    if let last = frames.last { records[last.record].count += 1 }
    records.append(record)
    expanded += 1
  }

  private func record(_ kind: Record.Kind, _ event: yaml_event_t) -> Record {
    let start = place(event.start_mark)
    let end = place(event.end_mark)
    return Record(
      line: start.line, column: start.column, endLine: end.line, endColumn: end.column, first: 0, count: 0, kind: kind)
  }
}

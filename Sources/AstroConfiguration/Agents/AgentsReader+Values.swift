import AstroCore
import AstroYAML

extension AgentsReader {
  /// `{env: VARIABLE}` or `{file: path}`.
  /// - Parameter what: what is there: `the key`.
  func source(_ node: YAMLNode, of what: String) -> SecretPlan.Source? {
    guard node.kind == .mapping else {
      // What stands here may be the value itself: it is not repeated.
      decoder.error(
        "wrong_type", "say where \(what) is, not what it is", at: node,
        hint: "write {env: VARIABLE} or {file: path}")
      return nil
    }
    guard let reader = decoder.mapping(node, keys: AgentKeys.source) else { return nil }
    switch (reader.member("env"), reader.member("file")) {
    case (let variable?, nil):
      guard let name = decoder.string(variable) else { return nil }
      if !Identifier.isVariable(name) { refuseVariable(variable) }
      return .environment(name)
    case (nil, let path?): return decoder.path(path).map { .file($0) }
    case (nil, nil):
      // A key that was refused said what is wrong.
      if node.entries.allSatisfy({ _ in false }) {
        decoder.error(
          "missing_key", "it is not said where \(what) is", at: node, hint: "write {env: VARIABLE} or {file: path}")
      }
    case (.some, let path?):
      decoder.error("two_sources", "\(what) has two places", at: path, hint: "remove one: 'env' or 'file'")
    }
    return nil
  }

  private func refuseVariable(_ node: YAMLNode) {
    decoder.error(
      "bad_name", "\(StrictDecoder.describe(node)) is not the name of an environment variable", at: node,
      hint: "letters, digits and _, beginning with a letter or _")
  }

  private func value(_ node: YAMLNode, of what: String) -> ConfiguredValue? {
    if node.kind == .mapping { return source(node, of: what).map { .secret($0) } }
    return decoder.text(node, expecting: "a text, {env: VARIABLE} or {file: path}").map { .plain($0) }
  }

  /// `env:` of a program.
  func environment(_ reader: MappingReader) -> [NamedValue] {
    guard let node = reader.member("env"), let entries = decoder.entries(node, hint: "write {NAME: value}") else {
      return []
    }
    var result: [NamedValue] = []
    for entry in entries {
      let name = entry.key.text
      if !Identifier.isVariable(name) {
        refuseVariable(entry.key)
      } else if name.hasPrefix("ASTRO_") {
        decoder.error("reserved_name", "names that begin with ASTRO_ are reserved", at: entry.key)
      }
      guard let value = value(entry.value, of: "the value of '\(name)'") else { continue }
      if case .plain(let text) = value, text.utf8.contains(0) {
        decoder.error("nul", "a text for a program cannot hold a NUL character", at: entry.value)
      }
      result.append(NamedValue(name, value))
    }
    return result
  }

  /// `headers:` of HTTP (RFC 9110, 5.1 and 5.5). Those that frame the message are written by the client.
  func headers(_ reader: MappingReader) -> [NamedValue] {
    guard let node = reader.member("headers"), let entries = decoder.entries(node, hint: "write {name: value}") else {
      return []
    }
    var result: [NamedValue] = []
    for entry in entries {
      let name = entry.key.text
      if name.isEmpty || !name.utf8.allSatisfy(Self.isToken) {
        decoder.error("bad_name", "\(StrictDecoder.describe(entry.key)) is not a header's name", at: entry.key)
      } else if ["host", "content-length", "transfer-encoding", "connection"].contains(name.lowercased()) {
        decoder.error("reserved_name", "the header '\(name)' is set for each request", at: entry.key)
      }
      guard let value = value(entry.value, of: "the value of '\(name)'") else { continue }
      if case .plain(let text) = value, text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
        decoder.error("bad_header", "a header's value cannot hold control characters", at: entry.value)
      }
      result.append(NamedValue(name, value))
    }
    return result
  }

  private static func isToken(_ byte: UInt8) -> Bool {
    Identifier.isByte(byte) || "!#$%&'*+^`|~".utf8.contains(byte)
  }

  /// A program and its arguments.
  func words(_ node: YAMLNode) -> [String]? {
    let words = decoder.list(node, of: "words") { word -> String? in
      guard let text = decoder.text(word) else { return nil }
      if text.utf8.contains(0) {
        decoder.error("nul", "a text for a program cannot hold a NUL character", at: word)
      }
      return text
    }
    guard let words, words.first?.isEmpty ?? true else { return words }
    decoder.error(
      "empty_command", words.isEmpty ? "the command is empty" : "the command's name is empty", at: node)
    return nil
  }

  func timeouts(_ reader: MappingReader) -> ExchangeTimeouts {
    var timeouts = ExchangeTimeouts()
    guard let node = reader.member("timeouts"),
      let own = decoder.mapping(node, keys: AgentKeys.timeouts, hint: "write {connect: 10s, total: 10m}")
    else { return timeouts }
    timeouts.connect = own.duration("connect", longerThan: .zero) ?? timeouts.connect
    timeouts.firstByte = own.duration("first_byte", longerThan: .zero) ?? timeouts.firstByte
    timeouts.idle = own.duration("idle", longerThan: .zero) ?? timeouts.idle
    timeouts.total = own.duration("total", longerThan: .zero) ?? timeouts.total
    return timeouts
  }

  /// The beginning of a URL, without a slash at its end. What follows it is put there as it stands, so that it has neither
  /// query nor fragment.
  func baseURL(_ node: YAMLNode, example: String = "https://api.openai.com/v1") -> String? {
    guard let text = decoder.string(node) else { return nil }
    let rest = ["https://", "http://"].first { text.hasPrefix($0) }.map { text.utf8.dropFirst($0.utf8.count) }
    let authority = rest?.prefix { $0 != UInt8(ascii: "/") } ?? "".utf8[...]
    if authority.contains(UInt8(ascii: "@")) {
      decoder.error(
        "bad_url", "a URL with a user or a key in it would be shown in logs", at: node,
        hint: "give the key apart: api_key: {env: VARIABLE}, or a header")
    } else if authority.isEmpty || authority.first == UInt8(ascii: ":")
      || text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") })
    {
      decoder.error(
        "bad_url", "\(StrictDecoder.describe(node)) is not the beginning of a URL", at: node,
        hint: "such as \(example)")
    }
    return text.hasSuffix("/") ? String(text.dropLast()) : text
  }
}

extension StrictDecoder {
  /// The path of a file.
  func path(_ node: YAMLNode) -> String? {
    guard let text = string(node) else { return nil }
    if text.isEmpty || text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      error("bad_path", "\(Self.describe(node)) is not a path", at: node)
    }
    return text
  }
}

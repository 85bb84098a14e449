import AstroCore
import AstroYAML

/// Agents that start a program.
extension AgentsReader {
  /// `.some(nil)` is an agent that runs what tasks say; `nil` what is wrong.
  func command(_ agent: MappingReader) -> CommandSettings?? {
    let preset = agent.member("preset")
    let command = agent.member("command")
    guard preset != nil || command != nil else {
      for key in ["result", "model", "env", "max_turns", "max_cost_usd", "timeout"] as [StaticString] {
        guard let node = agent.member(key) else { continue }
        decoder.error(
          "unused_key", "'\(key)' is for agents with 'preset' or 'command'", at: node,
          hint: "this one runs what tasks say in 'run'")
      }
      return .some(nil)
    }
    guard let program = program(agent, preset, command) else { return nil }
    var settings = CommandSettings(program)
    settings.environment = environment(agent)
    settings.model = agent.member("model").flatMap(model)
    settings.maxTurns = agent.integer("max_turns", in: RequestRange.turns)
    settings.maxCost = agent.member("max_cost_usd").flatMap { decoder.money($0) }
    settings.timeout = agent.duration("timeout", longerThan: .zero)
    return settings
  }

  private func program(_ agent: MappingReader, _ preset: YAMLNode?, _ command: YAMLNode?) -> CommandSettings.Program? {
    let format = agent.word("result", as: CommandSettings.ResultFormat.self)
    switch (preset, command) {
    case (let preset?, nil):
      if let node = agent.member("result") {
        decoder.error("unused_key", "'result' is for agents with 'command': a preset knows it", at: node)
      }
      return decoder.word(preset, as: CommandSettings.Preset.self).map { .preset($0) }
    case (nil, let command?):
      guard let words = words(command) else { return nil }
      for word in command.items { checkPlaceholders(word) }
      return .own(words, result: format ?? .text)
    case (.some, let command?):
      decoder.error(
        "two_programs", "an agent has one program", at: command, hint: "remove one: 'preset' or 'command'")
    case (nil, nil): break
    }
    return nil
  }

  /// `{promt}` was meant to be replaced; `{print}` for awk was not.
  private func checkPlaceholders(_ word: YAMLNode) {
    let text = word.text
    var rest = text.utf8[...]
    while let open = rest.firstIndex(of: UInt8(ascii: "{")) {
      rest = rest[rest.index(after: open)...]
      let name = String(decoding: rest.prefix(while: Identifier.isWord), as: UTF8.self)
      guard rest.dropFirst(name.utf8.count).first == UInt8(ascii: "}"), !CommandSettings.placeholders.contains(name),
        let hint = decoder.suggestion(for: name, among: CommandSettings.placeholders)
      else { continue }
      decoder.error(
        "unknown_placeholder", "'{\(name)}' stands for nothing", in: word,
        offset: text.utf8.distance(from: text.startIndex, to: open), width: name.utf8.count + 2, hint: hint)
    }
  }

  func exec(_ agent: MappingReader) -> ExecSettings? {
    let words = agent.required("command").flatMap(words)
    var settings = ExecSettings(command: words ?? [])
    settings.environment = environment(agent)
    if let node = agent.member("protocol"), let version = decoder.integer(node), version != settings.protocolVersion {
      decoder.error(
        "out_of_range", "the exchange has no version \(version)", at: node,
        hint: "write \(settings.protocolVersion), the only one there is")
    }
    settings.timeout = agent.duration("timeout", longerThan: .zero)
    return words == nil ? nil : settings
  }

  mutating func mcp(_ agent: MappingReader, _ servers: [String: MCPServerSettings]) -> MCPSettings {
    switch (agent.member("server"), agent.member("command")) {
    case (let node?, nil):
      let name = name(node, .server)
      for key in ["env", "startup_timeout", "call_timeout"] as [StaticString] {
        guard let node = agent.member(key) else { continue }
        decoder.error("unused_key", "'\(key)' is said where the server is, in mcp_servers", at: node)
      }
      return MCPSettings(server: name.flatMap { servers[$0] })
    case (nil, .some): return MCPSettings(server: server(agent))
    case (.some, let command?):
      decoder.error("two_sources", "an agent has one server", at: command, hint: "remove one: 'server' or 'command'")
    case (nil, nil): break
    }
    return MCPSettings()
  }

  /// `mcp_servers:`.
  func servers(_ node: YAMLNode) -> [String: MCPServerSettings] {
    var servers: [String: MCPServerSettings] = [:]
    guard let entries = decoder.entries(node, hint: "write {name: {command: [...]}}") else { return servers }
    for entry in entries {
      let name = entry.key.text
      // A dot parts it from the tool's name.
      if !(1...64).contains(name.utf8.count) || name.contains(".") || !name.utf8.allSatisfy(Identifier.isByte) {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(entry.key)) is not a server's name", at: entry.key,
          hint: "at most 64 letters, digits, '_' and '-'")
      }
      let reader = decoder.mapping(entry.value, keys: AgentKeys.server, hint: "write {command: [...]}")
      // Known even when it is wrong: uses of it are no further errors.
      servers[name] = reader.map(server) ?? MCPServerSettings(command: [])
    }
    return servers
  }

  private func server(_ reader: MappingReader) -> MCPServerSettings {
    var settings = MCPServerSettings(command: reader.required("command").flatMap(words) ?? [])
    settings.environment = environment(reader)
    settings.startupTimeout = reader.duration("startup_timeout", longerThan: .zero) ?? settings.startupTimeout
    settings.callTimeout = reader.duration("call_timeout", longerThan: .zero) ?? settings.callTimeout
    return settings
  }

  func sandbox(_ agent: MappingReader) -> SandboxSettings {
    var settings = SandboxSettings()
    guard let node = agent.member("sandbox"),
      let reader = decoder.mapping(node, keys: AgentKeys.sandbox, hint: "write {engine: podman}")
    else { return settings }
    settings.engine = reader.word("engine", as: SandboxSettings.Engine.self) ?? settings.engine
    if let node = reader.member("image"), let image = decoder.string(node) {
      if image.isEmpty || image.hasPrefix("-") || image.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
        decoder.error("bad_name", "\(StrictDecoder.describe(node)) is not an image's name", at: node)
      }
      settings.image = image
    }
    settings.network = reader.word("network", as: SandboxSettings.Network.self) ?? settings.network
    settings.memory = reader.size("memory", in: 16 << 20...ResourceLimits.mostMemory) ?? settings.memory
    settings.processes = reader.integer("pids", in: 2...4_194_304) ?? settings.processes
    settings.cpus = reader.number("cpus", in: ResourceLimits.cpuRange)
    settings.temporarySize = reader.size("tmp_size", in: 1 << 20...1 << 40) ?? settings.temporarySize
    if let node = reader.member("containers_conf"), let path = decoder.string(node) {
      if path.isEmpty { decoder.error("bad_name", "the path of containers_conf is empty", at: node) }
      settings.containersConfiguration = path
    }
    settings.openFiles = reader.integer("open_files", in: 16...1_048_576) ?? settings.openFiles
    return settings
  }
}

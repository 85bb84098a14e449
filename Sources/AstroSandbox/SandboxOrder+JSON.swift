import AstroCore

extension SandboxOrder {
  /// One line, as ``init(parsing:)`` reads it.
  public var text: String {
    var members: [String: JSONValue] = [
      "rules": rules.json, "language": .string(language), "files": .list(files.map(JSONValue.string)),
      "arguments": .list(arguments.map(JSONValue.string)), "environment": .map(environment.mapValues(JSONValue.string)),
      "run_files": .string(runFiles), "folder": .string(folder), "memory": .string(memory),
    ]
    switch code {
    case .text(let text): members["code"] = .string(text)
    case .file(let path): members["file"] = .string(path)
    }
    members["output"] = output.map(JSONValue.string)
    if isTrial { members["is_trial"] = .bool(true) }
    members["input"] = input.map(JSONValue.string)
    members["user"] = user.map { .list([.integer(Int64($0.uid)), .integer(Int64($0.gid))]) }
    return JSONValue.map(members).json + "\n"
  }

  /// `nil` for anything that ``text`` could not have said: what a sandbox is to be is never guessed.
  init?(parsing bytes: [UInt8]) {
    guard let json = try? JSONReader.parse(bytes), let rules = json["rules"].flatMap(SandboxRules.init),
      let language = json["language"]?.string, let files = json["files"]?.strings,
      let arguments = json["arguments"]?.strings, case .map(let variables)? = json["environment"],
      let runFiles = json["run_files"]?.string, let folder = json["folder"]?.string,
      let memory = json["memory"]?.string,
      let code = json["code"]?.string.map(Code.text) ?? json["file"]?.string.map(Code.file)
    else { return nil }
    self.init(
      code, in: language, rules: rules, runFiles: runFiles, output: json["output"]?.string, folder: folder,
      memory: memory)
    self.files = files
    self.arguments = arguments
    environment = variables.compactMapValues(\.string)
    input = json["input"]?.string
    isTrial = json["is_trial"] == .bool(true)
    guard let user = json["user"] else { return }
    guard case .list(let numbers) = user, numbers.count == 2,
      let uid = numbers[0].integer.flatMap(UInt32.init(exactly:)),
      let gid = numbers[1].integer.flatMap(UInt32.init(exactly:))
    else { return nil }
    self.user = User(uid: uid, gid: gid)
  }
}

extension JSONValue {
  subscript(name: String) -> JSONValue? { if case .map(let members) = self { members[name] } else { nil } }
  var string: String? { if case .string(let text) = self { text } else { nil } }
  var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .null, .bool, .string, .list, .map: nil
    }
  }
  var strings: [String]? {
    guard case .list(let items) = self else { return nil }
    let texts = items.compactMap(\.string)
    return texts.count == items.count ? texts : nil
  }
}

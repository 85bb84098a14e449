import AstroCore
import AstroSandbox

/// What a task asks of an agent of type code.
struct CodeRequest {
  let language: CodeLanguage
  let code: SandboxOrder.Code
  let files: [String]
  let arguments: [String]
  let input: String?

  /// - Throws: what is wrong with it, by its place.
  init(_ with: JSONValue) throws(Failure) {
    let members = try RequestMembers(with, keys: ["language", "code", "file", "files", "args", "stdin"])
    try members.require("language")
    try members.exclude(["code", "file"])
    let name = try members.text("language") ?? ""
    guard let language = CodeLanguage(name) else {
      throw members.failure(
        "language",
        "no interpreter is known for '\(Terminal.printable(name))'; there are \(CodeLanguage.names.joined(separator: ", "))"
      )
    }
    self.language = language
    switch (try members.text("code"), try members.text("file")) {
    case (let code?, _): self.code = .text(code)
    case (nil, let file?): self.code = .file(try Self.inner(file, "file", members))
    case (nil, nil):
      try members.require("code")
      self.code = .text("")
    }
    var files: [String] = []
    for path in try members.list("files") { files.append(try Self.inner(path, "files", members)) }
    self.files = files
    arguments = try members.list("args")
    input = try members.text("stdin")
  }

  private static func inner(_ path: String, _ key: String, _ members: RequestMembers) throws(Failure) -> String {
    let steps = path.split(separator: "/", omittingEmptySubsequences: false)
    guard steps.allSatisfy({ !["", "..", "."].contains($0) }) else {
      throw members.failure(key, "'\(Terminal.printable(path))' is not a path below the run's files")
    }
    return path
  }
}

extension RequestMembers {
  /// A list of texts.
  fileprivate func list(_ name: String) throws(Failure) -> [String] {
    guard let value = self[name] else { return [] }
    guard case .list(let items) = value else { throw failure(name, "is \(value.described), and not a list") }
    var texts: [String] = []
    for item in items {
      switch item {
      case .string, .integer, .number, .bool: texts.append(item.text)
      case .null, .list, .map: throw failure(name, "holds \(item.described), and not a text")
      }
    }
    return texts
  }
}

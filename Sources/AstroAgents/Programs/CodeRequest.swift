import AstroCore
import AstroSandbox

/// What a task asks of an agent of type code.
struct CodeRequest {
  let language: CodeLanguage
  let code: SandboxOrder.Code
  let files: [String]
  let arguments: [String]
  let input: String?

  /// - Parameter undecided: keys whose values are known only when the task runs: nothing is said about them.
  /// - Throws: what is wrong with it, by its place.
  init(_ with: JSONValue, undecided: Set<String> = []) throws(Failure) {
    let members = try RequestMembers(
      with, keys: ["language", "code", "file", "files", "args", "stdin"], undecided: undecided)
    try members.require("language")
    try members.require("code", "file")
    try members.exclude(["code", "file"])
    let file = try members.file("file")
    code = try members.text("code").map(SandboxOrder.Code.text) ?? file.map(SandboxOrder.Code.file) ?? .text("")
    files = try members.files("files")
    arguments = try members.list("args")
    input = try members.text("stdin")
    // Last: where it is not known yet, all else has been looked at.
    let name = try members.text("language") ?? ""
    guard let language = CodeLanguage(name) else {
      throw members.failure(
        "language",
        "no interpreter is known for '\(Terminal.printable(name))'; there are \(CodeLanguage.names.joined(separator: ", "))"
      )
    }
    self.language = language
  }
}

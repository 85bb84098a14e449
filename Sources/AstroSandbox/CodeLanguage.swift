/// A language that code can be written in: the programs that may run it, the best first, and how a file of it is named.
public struct CodeLanguage: Sendable, Equatable {
  public let name: String
  let interpreters: [String]
  let fileExtension: String

  private static let all: [CodeLanguage] = [
    .init(name: "bash", interpreters: ["bash"], fileExtension: "sh"),
    .init(name: "javascript", interpreters: ["node", "nodejs"], fileExtension: "mjs"),
    .init(name: "lua", interpreters: ["lua", "lua5.4", "lua5.3"], fileExtension: "lua"),
    .init(name: "perl", interpreters: ["perl"], fileExtension: "pl"),
    .init(name: "php", interpreters: ["php"], fileExtension: "php"),
    .init(name: "python", interpreters: ["python3", "python"], fileExtension: "py"),
    .init(name: "r", interpreters: ["Rscript"], fileExtension: "R"),
    .init(name: "ruby", interpreters: ["ruby"], fileExtension: "rb"),
    .init(name: "sh", interpreters: ["sh"], fileExtension: "sh"),
  ]

  private static let otherNames = ["js": "javascript", "node": "javascript", "python3": "python", "shell": "sh"]

  /// The names there are, in order.
  public static let names = all.map(\.name)

  /// Takes usual other names too: `js`, `node`, `python3`, `shell`.
  public init?(_ name: String) {
    let name = name.lowercased()
    guard let found = Self.all.first(where: { $0.name == Self.otherNames[name] ?? name }) else { return nil }
    self = found
  }

  private init(name: String, interpreters: [String], fileExtension: String) {
    self.name = name
    self.interpreters = interpreters
    self.fileExtension = fileExtension
  }

  /// What code that comes as a text is called in its working directory.
  var fileName: String { ".code.\(fileExtension)" }
}

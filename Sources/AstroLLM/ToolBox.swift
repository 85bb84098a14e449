public import AstroCore

/// The tools of one attempt, wherever they run. A tool never sees the runner's secrets.
public protocol ToolBox: Sendable {
  /// Those the task may call; may start what serves them.
  func list() async throws(Failure) -> [OfferedTool]
  /// Calls one. What the tool itself finds wrong is an outcome for the model to read; thrown is what ends the step.
  ///
  /// Cancelling the task ends the call with nothing of it left running.
  func call(_ name: String, arguments: JSONValue) async throws(Failure) -> ToolOutcome
  /// Ends what was started.
  func close() async
}

public struct OfferedTool: Sendable, Hashable {
  public var description: ToolDescription
  /// Calling it twice does no more than calling it once: after a crash in the middle it may be called again.
  public var isIdempotent: Bool

  public init(_ description: ToolDescription, isIdempotent: Bool = false) {
    self.description = description
    self.isIdempotent = isIdempotent
  }
}

public struct ToolOutcome: Sendable, Hashable {
  public var text: String
  public var isError: Bool

  public init(_ text: String, isError: Bool = false) {
    self.text = text
    self.isError = isError
  }
}

/// The tools of an attempt under the names models call them by: providers take letters, digits, `_` and `-`, 64 at most.
public struct ToolNames: Sendable {
  public let tools: [OfferedTool]
  private let byCalledName: [String: OfferedTool]
  public let descriptions: [ToolDescription]

  public init(_ tools: [OfferedTool]) {
    self.tools = tools
    var known: [String: OfferedTool] = [:]
    var descriptions: [ToolDescription] = []
    for tool in tools {
      let plain = Self.plain(tool.description.name)
      var name = plain
      var number = 2
      while known[name] != nil {
        name = "\(plain.prefix(60))_\(number)"
        number += 1
      }
      known[name] = tool
      var description = tool.description
      description.name = name
      descriptions.append(description)
    }
    byCalledName = known
    self.descriptions = descriptions
  }

  /// `nil`: the model made the name up.
  public subscript(called: String) -> OfferedTool? { byCalledName[called] }

  private static func plain(_ name: String) -> String {
    let bytes = name.utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        byte
      default: UInt8(ascii: "_")
      }
    }
    let kept = bytes.drop { $0 == UInt8(ascii: "_") && bytes.count > 1 }.prefix(64)
    return kept.isEmpty ? "tool" : String(decoding: kept, as: UTF8.self)
  }
}

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

  /// How models call the tool of that name.
  public func called(_ name: String) -> String? {
    tools.firstIndex { $0.description.name == name }.map { descriptions[$0].name }
  }

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

public import AstroCore

/// A message of JSON-RPC 2.0, as the Model Context Protocol uses it: one object in a line, no batches.
enum JSONRPCMessage: Equatable {
  case answer(id: JSONValue, Result<JSONValue, JSONRPCError>)
  case request(id: JSONValue, method: String)
  case notification(method: String)

  enum Refusal: Error, Equatable {
    /// A list of messages, which no revision has that is spoken here.
    case batch
    /// Anything else that is no message; servers print words where only messages belong.
    case noise
  }

  static func read(_ line: ArraySlice<UInt8>) throws(Refusal) -> JSONRPCMessage {
    guard let value = try? JSONReader.parse(Array(line)) else { throw .noise }
    if case .list = value { throw .batch }
    guard case .map(let members) = value, members["jsonrpc"] == .string("2.0") else { throw .noise }
    let id = members["id"].flatMap { $0 == .null ? nil : $0 }
    switch (members["method"], id) {
    case (.string(let method)?, let id?): return .request(id: id, method: method)
    case (.string(let method)?, nil): return .notification(method: method)
    case (nil, let id):
      if case .map(let error)? = members["error"] { return .answer(id: id ?? .null, .failure(JSONRPCError(error))) }
      guard let id, let result = members["result"] else { throw .noise }
      return .answer(id: id, .success(result))
    default: throw .noise
    }
  }

  // MARK: Writing

  static func line(request id: Int64, _ method: String, _ params: JSONValue?) -> [UInt8] {
    line(["id": .integer(id), "method": .string(method), "params": params ?? .map([:])])
  }

  static func line(notification method: String, _ params: JSONValue?) -> [UInt8] {
    line(["method": .string(method), "params": params ?? .map([:])])
  }

  static func line(answerTo id: JSONValue, _ result: Result<JSONValue, JSONRPCError>) -> [UInt8] {
    switch result {
    case .success(let value): line(["id": id, "result": value])
    case .failure(let error):
      line(["id": id, "error": .map(["code": .integer(error.code), "message": .string(error.message)])])
    }
  }

  private static func line(_ members: [String: JSONValue]) -> [UInt8] {
    var members = members
    members["jsonrpc"] = .string("2.0")
    return Array(JSONValue.map(members).json.utf8) + [0x0A]
  }
}

/// An error that the other side answers with.
public struct JSONRPCError: Error, Sendable, Equatable {
  public var code: Int64
  public var message: String
  public var data: JSONValue?

  public static let methodNotFound: Int64 = -32601
  public static let invalidParameters: Int64 = -32602
  /// Of MCP, from revision 2026-07-28 on; its data names the revisions that are supported.
  public static let unsupportedProtocolVersion: Int64 = -32022

  public init(code: Int64, message: String, data: JSONValue? = nil) {
    self.code = code
    self.message = message
    self.data = data
  }

  init(_ members: [String: JSONValue]) {
    if case .integer(let number)? = members["code"] { code = number } else { code = 0 }
    message = members["message"]?.text ?? ""
    data = members["data"]
  }
}

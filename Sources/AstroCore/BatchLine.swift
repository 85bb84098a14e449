/// One request of an OpenAI batch file: `{"custom_id": …, "method": "POST", "url": …, "body": {…}}`. It keeps the bytes as
/// they were written: what is sent, and what stands in the result, is what the user wrote.
public struct BatchLine: Sendable {
  /// 1-based, in the file.
  public let number: Int
  public let endpoint: BatchEndpoint
  /// A JSON string, with its quotes and escapes.
  public let customID: ArraySlice<UInt8>
  /// A JSON object.
  public let body: ArraySlice<UInt8>
  /// Where the value of `url` stands in ``body``'s array.
  public let place: Range<Int>

  /// What is wrong with a line.
  public struct Flaw: Error, Equatable {
    public var code: String
    public var message: String
    /// Of the array that the line is a part of.
    public var range: Range<Int>
    public var hint: String?

    public init(code: String, message: String, range: Range<Int>, hint: String? = nil) {
      self.code = code
      self.message = message
      self.range = range
      self.hint = hint
    }
  }

  /// Every key a line has.
  public static let keys = ["custom_id", "method", "url", "body"]

  /// - Parameter text: without its newline.
  /// - Throws: the first thing that is wrong with it.
  public init(_ text: ArraySlice<UInt8>, number: Int) throws(Flaw) {
    let members: [JSONScanner.Member]
    do throws(JSONScanner.Malformed) { members = try JSONScanner.members(of: text) } catch {
      throw Flaw(code: "syntax", message: error.message, range: error.offset..<(error.offset + 1))
    }
    var found: [String: JSONScanner.Member] = [:]
    for member in members {
      guard Self.keys.contains(member.name) else {
        throw Flaw(
          code: "unknown_key", message: "unknown key '\(member.name)'", range: member.key,
          hint: "the keys are \(Self.keys.joined(separator: ", "))")
      }
      guard found.updateValue(member, forKey: member.name) == nil else {
        throw Flaw(code: "duplicate_key", message: "the key '\(member.name)' stands twice", range: member.key)
      }
    }
    let whole = text.startIndex..<(text.startIndex + 1)
    var values: [Range<Int>] = []
    for key in Self.keys {
      guard let member = found[key] else {
        throw Flaw(code: "missing_key", message: "'\(key)' is missing", range: whole)
      }
      values.append(member.value)
    }
    self.number = number
    customID = text[values[0]]
    body = text[values[3]]
    place = values[2]
    endpoint = try Self.endpoint(text, values)
  }

  private static func endpoint(_ text: ArraySlice<UInt8>, _ values: [Range<Int>]) throws(Flaw) -> BatchEndpoint {
    guard text[values[0]].first == UInt8(ascii: "\""), values[0].count > 2 else {
      throw Flaw(code: "type", message: "'custom_id' must be a string that is not empty", range: values[0])
    }
    guard text[values[1]].elementsEqual("\"POST\"".utf8) else {
      throw Flaw(code: "value", message: "'method' must be \"POST\"", range: values[1])
    }
    let url = (try? JSONReader.parse(Array(text[values[2]])))?.text ?? ""
    guard let endpoint = BatchEndpoint(rawValue: url) else {
      let known = BatchEndpoint.allCases.map(\.rawValue).joined(separator: " or ")
      throw Flaw(code: "value", message: "'url' must be \(known)", range: values[2])
    }
    guard text[values[3]].first == UInt8(ascii: "{") else {
      throw Flaw(code: "type", message: "'body' must be an object", range: values[3])
    }
    return endpoint
  }

  /// Whether a line holds nothing: such lines are passed over.
  public static func isBlank(_ text: ArraySlice<UInt8>) -> Bool {
    text.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
  }
}

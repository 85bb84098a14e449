import Foundation
import Testing

extension String {
  var lines: [String] { split(separator: "\n").map(String.init) }

  /// The JSON that the whole text is.
  func json<Value>(_ type: Value.Type = [String: Any].self) throws -> Value {
    try #require(try JSONSerialization.jsonObject(with: Data(utf8)) as? Value, "not such JSON: \(self)")
  }
}

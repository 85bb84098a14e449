import AstroTestKit
import Foundation
import Testing

/// Texts of small OpenAI batch files, and what a provider answers to them.
enum Batches {
  static let answer = ScriptedServer.answer(
    200, ["content-type: application/json"],
    body: """
      {"model": "m", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
       "usage": {"prompt_tokens": 20, "completion_tokens": 10}}
      """)

  /// The key is good for nothing here.
  static let refusal = ScriptedServer.answer(403, body: #"{"error": {"message": "not for this key"}}"#)

  /// Requests `r1`, `r2`, …, which end with a newline.
  static func lines(_ count: Int, model: String = "m") -> String {
    (1...count).map {
      #"{"custom_id":"r\#($0)","method":"POST","url":"/v1/chat/completions","body":{"model":"\#(model)","max_tokens":10}}"#
        + "\n"
    }.joined()
  }

  /// The `custom_id` of each result, sorted.
  static func ids(_ results: [String]) throws -> [String] {
    try results.map { "\(try $0.json()["custom_id"] ?? "")" }.sorted()
  }
}

extension Home {
  /// The lines of the only result file in that place of the spool.
  func results(in place: String) throws -> [String] {
    let names = names(in: "spool/\(place)").filter { $0.hasSuffix(".results.jsonl") }
    try #require(names.count == 1, "\(self.names(in: "spool/\(place)"))")
    return try read("spool/\(place)/\(names[0])").lines
  }

  /// The identifier of the first run of a batch file that lies in that place of the spool.
  func batch(in place: String) throws -> String {
    let name = names(in: "spool/\(place)").first { $0.hasSuffix(".jsonl") && !$0.hasSuffix(".results.jsonl") }
    return String(try #require(name, "\(names(in: "spool/\(place)"))").dropLast(6))
  }

  /// How often a limiter has held something back.
  func denials(by limiter: String) throws -> Int {
    let value = try sql(
      "SELECT cast(value AS INTEGER) FROM series WHERE name = 'astro_rate_limit_denied_total{limiter=\"\(limiter)\"}'")
    return Int(value) ?? 0
  }
}

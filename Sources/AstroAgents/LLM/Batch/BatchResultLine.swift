import AstroCore
import AstroHTTP
import AstroLLM

/// One line of a result file: `{"id": …, "custom_id": …, "response": {"status_code", "request_id", "body"}, "error": …}`.
/// Its id ends in the number of the request's line, by which it is known again.
struct BatchResultLine {
  let line: Int
  let isSuccess: Bool

  /// Reads one back; `nil` when it is none that was written here.
  init?(_ text: ArraySlice<UInt8>) {
    guard let members = try? JSONScanner.members(of: text) else { return nil }
    func value(_ name: String, in members: [JSONScanner.Member]) -> Range<Int>? {
      members.first { $0.name == name }?.value
    }
    guard let id = value("id", in: members), let response = value("response", in: members),
      let number = String(decoding: text[id].dropLast(), as: UTF8.self).split(separator: ":").last.flatMap({ Int($0) }),
      (1...1 << 26).contains(number)
    else { return nil }
    line = number
    let parts = (try? JSONScanner.members(of: text[response])) ?? []
    let status = value("status_code", in: parts).flatMap { Int(String(decoding: text[$0], as: UTF8.self)) }
    isSuccess = status.map { (200..<300).contains($0) } ?? false
  }

  /// The number of the request that a line is the result of; `nil` when it is none that was written here. Its end is not
  /// looked at.
  static func number(of text: ArraySlice<UInt8>) -> Int? {
    let start = Array(#"{"id":""#.utf8)
    guard text.starts(with: start) else { return nil }
    let id = text.dropFirst(start.count).prefix { $0 != UInt8(ascii: "\"") }
    return id.split(separator: UInt8(ascii: ":")).last.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
  }

  /// What a provider answered to it; `nil` where nothing could be called an answer.
  static func answer(_ text: ArraySlice<UInt8>, _ endpoint: BatchEndpoint, at now: Timestamp) -> RawAnswer? {
    guard let members = try? JSONScanner.members(of: text),
      let response = members.first(where: { $0.name == "response" })?.value,
      let parts = try? JSONScanner.members(of: text[response]),
      let status = parts.first(where: { $0.name == "status_code" })?.value,
      let number = Int(String(decoding: text[status], as: UTF8.self)),
      let body = parts.first(where: { $0.name == "body" })?.value
    else { return nil }
    return RawAnswer(endpoint, status: number, headers: [], body: Array(text[body]), now: now)
  }

  /// What a provider answered, whatever its status.
  static func response(_ answer: RawAnswer, to request: BatchLine, of run: WorkflowID) -> [UInt8] {
    var writer = JSONWriter(reserving: 64)
    writer.beginObject()
    writer.member("status_code", answer.status)
    writer.member("request_id", answer.requestID)
    // The object is closed below, behind a body that stays as it came.
    return head(of: request, run) + Array(",\"response\":".utf8) + writer.bytes + Array(",\"body\":".utf8) + answer.body
      + Array("},\"error\":null}\n".utf8)
  }

  /// Nothing that could be called an answer.
  static func error(_ code: String, _ message: String, to request: BatchLine, of run: WorkflowID) -> [UInt8] {
    let error = JSONValue.map(["code": .string(code), "message": .string(message)]).json
    return head(of: request, run) + Array(",\"response\":null,\"error\":\(error)}\n".utf8)
  }

  private static func head(of request: BatchLine, _ run: WorkflowID) -> [UInt8] {
    Array("{\"id\":\"\(run.text):\(request.number)\",\"custom_id\":".utf8) + request.customID
  }
}

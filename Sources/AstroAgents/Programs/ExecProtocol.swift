import AstroCore

/// What Astro and a program of an agent of type exec tell each other, version 1: one line of JSON in, lines of JSON out.
/// ``ExecSchema`` says the same as a JSON Schema.
enum ExecProtocol {
  static let version = 1

  /// The request, one line.
  static func request(for request: ProgramRequest) -> String {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("version", version)
    writer.member("workflow_id", request.key.workflow.text)
    writer.member("task_id", request.key.task)
    writer.member("attempt", request.key.number)
    writer.member("idempotency_key", "\(request.key.workflow.text)/\(request.key.task)")
    writer.member("run_dir", request.directory.files)
    writer.member("with", request.with)
    writer.endObject()
    writer.newline()
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  struct Result: Equatable {
    enum Status: String, CaseIterable { case succeeded, failed }

    var status: Status
    var message: String?
    var error: String?
    var outputs: [String: String] = [:]

    var reason: String { error ?? message ?? "the program says that it failed" }

    func requirePromised(_ names: [String]) throws(MalformedResult) {
      for name in names where outputs[name] == nil {
        throw MalformedResult("the promised output '\(name)' is not in the result")
      }
    }
  }

  /// The one result among the lines; progress before and after it is passed over.
  static func result(in lines: [PrintedLine]) throws(MalformedResult) -> Result {
    var found: Result?
    for line in lines {
      let message = try Message(line)
      switch message.type {
      case "progress": try message.checkProgress()
      case "result":
        guard found == nil else { throw MalformedResult(line: line.number, "a second result") }
        found = try message.result()
      case let other:
        throw MalformedResult(line: line.number, "unknown type '\(Terminal.printable(other))'")
      }
    }
    guard let found else { throw MalformedResult("stdout holds no result: the program ended without one") }
    return found
  }

  /// One line of the program's.
  private struct Message {
    let number: Int
    let members: [String: JSONValue]
    let type: String

    init(_ line: PrintedLine) throws(MalformedResult) {
      number = line.number
      do throws(EvaluationError) {
        guard case .map(let members) = try JSONReader.parse(line.text) else {
          throw EvaluationError("it is no JSON object")
        }
        self.members = members
      } catch {
        throw MalformedResult(line: number, error.message)
      }
      guard case .string(let type)? = members["type"] else {
        throw MalformedResult(line: number, "'type' is missing")
      }
      self.type = type
    }

    private func refuseOthers(_ names: Set<String>) throws(MalformedResult) {
      for name in members.keys.sorted() where !names.contains(name) {
        throw MalformedResult(line: number, "unknown member '\(Terminal.printable(name))'")
      }
    }

    private func text(_ name: String) throws(MalformedResult) -> String? {
      switch members[name] {
      case nil, .null: return nil
      case .string(let text): return text
      case let other?: throw MalformedResult(line: number, "'\(name)' is \(other.described), and not a text")
      }
    }

    func checkProgress() throws(MalformedResult) {
      try refuseOthers(["type", "message", "fraction"])
      _ = try text("message")
      switch members["fraction"] {
      case nil, .null: break
      case .integer(0...1): break
      case .number(let share) where (0...1).contains(share): break
      default: throw MalformedResult(line: number, "'fraction' is no number from 0 to 1")
      }
    }

    func result() throws(MalformedResult) -> Result {
      try refuseOthers(["type", "status", "message", "error", "outputs"])
      guard let status = try text("status").flatMap(Result.Status.init(rawValue:)) else {
        throw MalformedResult(line: number, "'status' is neither 'succeeded' nor 'failed'")
      }
      var result = Result(status: status, message: try text("message"), error: try text("error"))
      switch members["outputs"] {
      case nil, .null: break
      case .map(let values): result.outputs = try ResultOutputs.texts(values, line: number)
      case let other?: throw MalformedResult(line: number, "'outputs' is \(other.described), and not a mapping")
      }
      return result
    }
  }
}

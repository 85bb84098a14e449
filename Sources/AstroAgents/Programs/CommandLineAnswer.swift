import AstroCore
import AstroLLM

/// What a program that answers prompts has said.
struct CommandLineAnswer: Equatable {
  var ending = AgentEnding.completed
  /// Why it did not complete, in one sentence.
  var message: String?
  var text = ""
  /// The answer as a value, where the program gives one.
  var structured: JSONValue?
  var turns: Int?
  var usage: TokenUsage?
  /// As the program says, or by the table; `nil` is unknown.
  var cost: Money?
  var session: String?
  /// What else becomes outputs.
  var members: [String: JSONValue] = [:]

  /// Outputs of every answer, and the members of a structured one. Those win: a task asked for them by name.
  var outputs: [String: String] {
    var outputs = ["text": text]
    outputs["num_turns"] = turns.map { String($0) }
    outputs["session_id"] = session
    outputs["prompt_tokens"] = usage.map { String($0.prompt) }
    outputs["completion_tokens"] = usage.map { String($0.output) }
    outputs["cost_usd"] = cost?.spelled
    return outputs.merging(members.mapValues(\.text)) { $1 }
  }

  /// What it used has a price where it said no cost of its own.
  mutating func price(as model: String?, by prices: PriceTable) {
    guard cost == nil, let usage, let model else { return }
    cost = prices.price(of: model)?.cost(of: usage)
  }

  /// What it took, for the ledger.
  func account(of model: String, lasting duration: Duration) -> CallAccount {
    let status: CallAccount.Status
    switch ending {
    case .rateLimited: status = .refused
    case .providerError: status = .error
    default: status = .success
    }
    return CallAccount(model: model, status: status, usage: usage, cost: cost, duration: duration)
  }

  /// Takes the members of an answer that must fit a schema.
  mutating func structure(by schema: JSONValue) throws(MalformedResult) {
    guard let value = structured ?? JSONAnswer.find(in: text) else {
      throw MalformedResult("the answer holds no JSON")
    }
    let violations: [JSONSchema.Violation]
    do throws(JSONSchema.Malformed) { violations = try JSONSchema(schema).violations(in: value) } catch {
      throw MalformedResult("output_schema is no schema: \(error)")
    }
    if let violation = violations.first { throw MalformedResult("the answer does not fit output_schema: \(violation)") }
    try take(members: value)
  }

  mutating func take(members value: JSONValue) throws(MalformedResult) {
    structured = value
    guard case .map(let members) = value else { return }
    _ = try ResultOutputs.texts(members)
    self.members = members
  }
}

extension JSONValue {
  /// A member of an object.
  func member(_ name: String) -> JSONValue? {
    guard case .map(let members) = self, let value = members[name], value != .null else { return nil }
    return value
  }

  func text(_ name: String) -> String? { if case .string(let text)? = member(name) { text } else { nil } }
  func integer(_ name: String) -> Int64? { if case .integer(let number)? = member(name) { number } else { nil } }

  /// What a program counted; 0 where it did not.
  func tokens(_ name: String) -> Int64 { TokenUsage.bounded(integer(name) ?? 0) }

  /// An amount in USD that a program computed with floating point, to the nearest picodollar.
  func dollars(_ name: String) -> Money? {
    switch member(name) {
    case .integer(let whole)? where (0...9_000_000).contains(whole): Money(picodollars: whole * Money.perDollar)
    case .number(let amount)? where (0...9_000_000).contains(amount):
      Money(picodollars: Int64((amount * Double(Money.perDollar)).rounded()))
    default: nil
    }
  }
}

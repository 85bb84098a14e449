public import AstroCore

/// What a task asks of a program that answers prompts.
public struct CommandLineRequest: Sendable {
  /// Of tasks that do not say.
  public struct Defaults: Sendable, Equatable {
    public var model: String?
    public var maxTurns: Int?
    public var maxCost: Money?

    public init(model: String? = nil, maxTurns: Int? = nil, maxCost: Money? = nil) {
      self.model = model
      self.maxTurns = maxTurns
      self.maxCost = maxCost
    }
  }

  var prompt: String
  var system: String?
  var model: String?
  var maxTurns: Int?
  var maxCost: Money?
  var schema: JSONValue?

  /// - Parameter undecided: keys whose values are known only when the task runs: nothing is said about them.
  /// - Throws: what is wrong with it, by its place.
  init(_ with: JSONValue, defaults: Defaults, undecided: Set<String> = []) throws(Failure) {
    let members = try RequestMembers(
      with, keys: ["prompt", "system", "model", "max_turns", "max_cost_usd", "output_schema"], undecided: undecided)
    try members.require("prompt")
    prompt = try members.text("prompt") ?? ""
    system = try members.text("system")
    model = try members.text("model") ?? defaults.model
    maxTurns = try members.integer("max_turns", in: RequestRange.turns) ?? defaults.maxTurns
    maxCost = try members.money("max_cost_usd") ?? defaults.maxCost
    schema = try members.schema("output_schema")
    // A word that begins with a dash would be taken for an option.
    for (name, value) in [("model", model), ("system", system)] where value?.utf8.first == UInt8(ascii: "-") {
      throw members.failure(name, "begins with '-'")
    }
  }

  /// Holds an answer to the ceilings and to the schema, which the program may not have kept itself.
  func check(_ answer: inout CommandLineAnswer) throws(MalformedResult) {
    guard answer.ending == .completed else { return }
    if let maxCost, let cost = answer.cost, cost > maxCost {
      answer.ending = .maxCost
      answer.message = "it cost \(cost.spelled) USD, more than \(maxCost.spelled) USD"
    } else if let maxTurns, let turns = answer.turns, turns > maxTurns {
      answer.ending = .maxTurns
      answer.message = "it took \(turns) turns, more than \(maxTurns)"
    } else if let schema {
      try answer.structure(by: schema)
    }
  }
}

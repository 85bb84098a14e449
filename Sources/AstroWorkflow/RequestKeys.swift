import AstroCore

/// The words of `with:` for each type of agent, in one place for the parser and for ``WorkflowSchema``.
struct RequestKeys: Sendable {
  let keys: [RequestKey]
  /// Of each group one must be there.
  var required: [[String]] = []
  /// Of each group at most one may be there.
  var exclusive: [[String]] = []
  /// The keys whose values may hold secrets: those that go to where they are meant for, and are kept nowhere.
  var secrets: [String] = []

  /// `nil` for exec: what such an agent is asked is between it and the workflow.
  static func of(_ kind: AgentKind) -> RequestKeys? {
    switch kind {
    case .command: RequestKeys(keys: ofPrograms, required: [["prompt"]])
    case .code: RequestKeys(keys: ofCode, required: [["language"], ["code", "file"]], exclusive: [["code", "file"]])
    case .llm: RequestKeys(keys: ofModels, required: [["prompt", "messages"]])
    case .http:
      RequestKeys(
        keys: ofHTTP, required: [["url"]], exclusive: [["body", "json", "form"]],
        secrets: ["headers", "body", "json", "form"])
    case .exec: nil
    case .mcp: RequestKeys(keys: ofTools, required: [["tool"]], secrets: ["arguments"])
    }
  }

  private static let name = RequestForm.text(least: 1)
  private static let text = RequestForm.text(least: 0)
  private static let names = RequestForm.list(name, least: 0)
  private static let model = RequestKey("model", "The model, when it is not the agent's.", name)
  private static let maxTurns = RequestKey(
    "max_turns", "How often the model may be called.", .integer(RequestRange.turns))
  private static let maxCost = RequestKey("max_cost_usd", "What the task may cost at most, in USD.", .money)
  private static let outputSchema = RequestKey(
    "output_schema", "A JSON Schema (draft 2020-12) that the answer must fit; its members become outputs.", .map(.any))

  static let ofModels = [
    model,
    RequestKey("system", "What the model is told before all else.", text),
    RequestKey("prompt", "What the model is asked.", name),
    RequestKey(
      "messages", "What was said so far, in order.",
      .list(
        .keys(
          [
            RequestKey("role", "Who says it.", .word(["system", "user", "assistant"])),
            RequestKey("content", "What is said.", text),
          ], required: ["role", "content"]), least: 1)),
    RequestKey("files", "Text files put before the prompt: paths below the run's files.", names),
    RequestKey("images", "Images put before the prompt: paths below the run's files.", names),
    RequestKey("max_output_tokens", "The longest answer of one call, in tokens.", .integer(RequestRange.outputTokens)),
    RequestKey("temperature", "Sampling: 0 is the least random.", .number(RequestRange.temperature)),
    RequestKey("top_p", "Sampling: only of the likeliest words that make up this share.", .number(RequestRange.topP)),
    RequestKey("top_k", "Sampling: only of so many words.", .integer(RequestRange.topK)),
    RequestKey("seed", "Sampling: the same seed gives the same answer, where the provider can.", .integer(nil)),
    RequestKey("stop", "Texts at which the answer ends.", .either(name, names)),
    outputSchema,
    RequestKey(
      "on_invalid_output", "What to do with an answer that does not fit the schema.",
      .keys(
        [
          RequestKey(
            "reask", "How often the model is told what is wrong and asked again.", .integer(RequestRange.reasks))
        ],
        required: [])),
    maxTurns,
    RequestKey("max_tool_calls", "How many tools may be called.", .integer(RequestRange.toolCalls)),
    maxCost,
    RequestKey(
      "tools", "What the model may call: names of the file's tools, and server.tool for those of mcp_servers.", names),
    RequestKey("tool_choice", "auto, none, required, or the name of a tool.", name),
  ]

  private static let ofPrograms = [
    RequestKey("prompt", "What the program is asked.", name),
    RequestKey("system", "What it is told before all else.", text),
    model, maxTurns, maxCost, outputSchema,
  ]

  private static let ofHTTP = [
    RequestKey("method", "GET when absent.", .word(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])),
    RequestKey("url", "Where to; a path for an agent that has a base URL.", .url),
    RequestKey("headers", "Besides those of the agent.", .map(text)),
    RequestKey("body", "What is sent, as it is.", text),
    RequestKey("json", "What is sent, as JSON.", .any),
    RequestKey("form", "What is sent, as the fields of a form.", .map(text)),
    RequestKey(
      "expect", "The status that is success: 200, 2xx, or a list of such. 2xx when absent.",
      .either(name, .list(name, least: 1))),
    RequestKey("extract", "Outputs by their names, each the place of a value in the JSON of the answer.", .map(name)),
    RequestKey("max_bytes", "The longest answer.", .size),
    RequestKey("redirects", "How many are followed.", .integer(RequestRange.redirects)),
    RequestKey("timeout", "How long the request may take.", .duration),
  ]

  private static let ofCode = [
    RequestKey("language", "What the code is written in.", name),
    RequestKey("code", "The code.", name),
    RequestKey("file", "A file that holds the code: a path below the run's files.", name),
    RequestKey("files", "Files the code is given: paths below the run's files.", names),
    RequestKey("args", "Arguments of the program.", .list(text, least: 0)),
    RequestKey("stdin", "What it reads on standard input.", text),
  ]

  private static let ofTools = [
    RequestKey("server", "One of mcp_servers, when it is not the agent's.", name),
    RequestKey("tool", "The tool that is called.", name),
    RequestKey("arguments", "Its arguments.", .map(.any)),
    RequestKey("timeout", "How long the call may take.", .duration),
  ]

  /// The keys and what must be there, as a JSON Schema.
  var schema: JSONValue {
    var object = RequestForm.object(keys)
    var rules: [JSONValue] = required.map { group in .map(["anyOf": .list(group.map { Self.requires([$0]) })]) }
    for group in exclusive {
      for (place, key) in group.enumerated() {
        rules += group[..<place].map { .map(["not": Self.requires([$0, key])]) }
      }
    }
    object["allOf"] = .list(rules)
    return .map(object)
  }

  private static func requires(_ names: [String]) -> JSONValue {
    .map(["required": .list(names.map(JSONValue.string))])
  }
}

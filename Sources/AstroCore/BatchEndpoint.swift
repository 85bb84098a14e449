/// What the requests of a batch file are sent to: the `url` of its lines.
public enum BatchEndpoint: String, Sendable, CaseIterable {
  case chatCompletions = "/v1/chat/completions"
  case responses = "/v1/responses"

  /// The dialect that an agent must speak to be asked.
  public var dialect: String {
    switch self {
    case .chatCompletions: "openai_chat"
    case .responses: "openai_responses"
    }
  }

  /// Below an agent's `base_url`, which has the version.
  public var path: String { String(rawValue.dropFirst(3)) }

  /// The `with:` of the task that a batch file stands for. No workflow can write it: to files it is an unknown key.
  public var request: JSONValue { .map([Self.key: .string(rawValue)]) }

  /// `nil` when a `with:` is none of a batch.
  public init?(request: JSONValue) {
    guard case .map(let members) = request, members.count == 1, let url = members[Self.key] else { return nil }
    self.init(rawValue: url.text)
  }

  private static let key = "batch"
}

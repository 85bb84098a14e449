public import AstroCore

/// How a step ended.
public struct StepEnding: Sendable, Equatable {
  public var ending: AgentEnding
  /// Why, in one sentence; `nil` when it completed.
  public var message: String?
  /// What was said last, also where it is not whole.
  public var text: String
  /// The valid answer, where one was demanded.
  public var value: JSONValue?
  public var finish: FinishReason?
  /// The agent was at fault, not the task.
  public var infrastructure: Bool

  public init(
    _ ending: AgentEnding, message: String? = nil, text: String = "", value: JSONValue? = nil,
    finish: FinishReason? = nil, infrastructure: Bool = false
  ) {
    self.ending = ending
    self.message = message
    self.text = text
    self.value = value
    self.finish = finish
    self.infrastructure = infrastructure
  }
}

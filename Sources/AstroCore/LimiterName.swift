/// The limiters, as the configuration, the metrics and the logs name them.
public enum LimiterName {
  /// Files that become runs.
  public static let workflowCreation = "workflow_creation"
  /// Attempts of tasks that start.
  public static let taskSubmission = "task_submission"
  /// Requests that agents send themselves.
  public static let apiCalls = "api_calls"
  /// What the provider behind an agent says of its own limits; the key is the agent's id.
  public static let provider = "provider"
  /// A key whose money or quota is used up; the key is the id of the agent that would use it.
  public static let quota = "provider_quota"
}

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
  /// The budget of a run, where calls under way reserve what is left of it; the key is the run.
  public static let runBudget = "run_budget"
  /// The same of a task; the key is the run and the task.
  public static let taskBudget = "task_budget"

  /// Whether the journal says of a limiter that a task waits for alone until when it is used up: keys, budgets, and what named
  /// limits count. What the server of one request has said the task alone knows.
  public static func isKnownElsewhere(_ limiter: String) -> Bool {
    [quota, runBudget, taskBudget].contains(limiter) || limiter.hasPrefix("budget:") || limiter.contains("/")
  }
}

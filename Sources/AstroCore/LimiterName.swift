/// The limiters, as the configuration, the metrics and the logs name them.
public enum LimiterName {
  /// Files that become runs.
  public static let workflowCreation = "workflow_creation"
  /// Attempts of tasks that start.
  public static let taskSubmission = "task_submission"
}

import AstroYAML

/// The words of the language; ``WorkflowSchema`` says the same to editors.
enum WorkflowKeys {
  static let top = KeySet(
    [
      "name", "description", "labels", "user", "priority", "not_before", "deadline", "params", "env", "defaults",
      "tasks",
    ], notYetSupported: ["idempotency_key", "concurrency", "secrets", "budget", "hooks"])

  static let task = KeySet(
    [
      "run", "shell", "workdir", "env", "needs", "if", "timeout", "grace", "retry", "continue_on_error", "outputs",
      "agent", "capabilities",
    ],
    notYetSupported: [
      "with", "limits", "budget", "cache", "matrix", "for_each", "max_parallel", "fail_fast", "resources", "uses",
    ])

  static let defaults = KeySet(
    ["timeout", "grace", "retry", "shell", "workdir", "continue_on_error", "agent", "capabilities", "env"],
    notYetSupported: ["limits", "budget", "cache", "resources"])

  static let retry: KeySet = ["attempts", "delay", "factor", "max_delay", "jitter", "on_exit", "on_error"]

  static let parameter: KeySet = ["type", "required", "pattern", "default", "description"]

  /// What `run` holds in an expression.
  static let run = ["id", "name", "user", "dir"]

  /// What the record of a task holds in an expression.
  static let taskRecord = ["status", "exit_code", "stdout", "outputs"]
}

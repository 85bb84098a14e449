extension MetricFamily {
  public static let appInfo = MetricFamily(
    "astro_app_info", .gauge, labels: ["version", "swift_version", "environment"],
    "Always 1; the labels say what is running.")

  public static let tasks = MetricFamily(
    "astro_tasks_total", .counter, labels: ["agent_id", "status"], "Tasks that ended, by agent and outcome.")
  public static let taskDuration = MetricFamily(
    "astro_task_duration_seconds", .histogram(bounds: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]),
    labels: ["agent_id"], "Time from the start to the end of a task's last attempt.")
  public static let activeTasks = MetricFamily("astro_active_tasks", .gauge, "Tasks running now.")
  public static let queuedTasks = MetricFamily("astro_queued_tasks", .gauge, "Tasks ready or waiting to run.")

  public static let workflows = MetricFamily(
    "astro_workflows_total", .counter, labels: ["status"], initial: [["completed"], ["failed"], ["cancelled"]],
    "Workflows that ended, by outcome.")
  public static let workflowDuration = MetricFamily(
    "astro_workflow_duration_seconds", .histogram(bounds: [1, 5, 10, 30, 60, 300, 600, 1800]),
    "Time from the start to the end of a workflow.")
  public static let activeWorkflows = MetricFamily("astro_active_workflows", .gauge, "Workflows claimed and not ended.")

  public static let agentHealth = MetricFamily(
    "astro_agent_health", .gauge, labels: ["agent_id"], "1 when the agent is healthy, else 0.")
  public static let agentTasksActive = MetricFamily(
    "astro_agent_tasks_active", .gauge, labels: ["agent_id"], "Tasks the agent is running now.")
  public static let agentReliability = MetricFamily(
    "astro_agent_reliability_score", .gauge, labels: ["agent_id"], "Decayed share of successes, 0 to 1.")

  public static let llmRequests = MetricFamily(
    "astro_llm_requests_total", .counter, labels: ["model", "status"], "Requests to language models, by outcome.")
  public static let llmTokens = MetricFamily(
    "astro_llm_tokens_total", .counter, labels: ["model", "type"], "Tokens sent (prompt) and received (completion).")
  public static let llmRequestDuration = MetricFamily(
    "astro_llm_request_duration_seconds", .histogram(bounds: [0.5, 1, 2, 5, 10, 20, 30]), labels: ["model"],
    "Time a request to a language model took.")
  public static let llmCost = MetricFamily(
    "astro_llm_cost_usd_total", .counter, labels: ["model"], "Money spent on language models, in US dollars.")

  public static let llmTokensReserved = MetricFamily(
    "astro_llm_tokens_reserved_total", .counter, labels: ["model"],
    "Tokens reserved before calls; what they then took is in astro_llm_tokens_total.")
  public static let cacheHits = MetricFamily(
    "astro_cache_hits_total", .counter, labels: ["agent_id"], "Tasks answered by the result of an equal one.")
  public static let parkedTasks = MetricFamily(
    "astro_parked_tasks", .gauge, labels: ["limiter"], "Tasks that wait for a limit to open, by the limit.")

  public static let databaseQueries = MetricFamily(
    "astro_db_queries_total", .counter, labels: ["operation"],
    initial: [["select"], ["insert"], ["update"], ["delete"]], "Statements run on the journal.")
  public static let databaseQueryDuration = MetricFamily(
    "astro_db_query_duration_seconds", .histogram(bounds: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]),
    labels: ["operation"], "Time a statement on the journal took.")
  public static let databaseConnections = MetricFamily(
    "astro_db_connections_active", .gauge, "Open connections to the journal.")

  public static let uptime = MetricFamily("astro_system_uptime_seconds", .gauge, "Time since the runner started.")
  public static let errors = MetricFamily(
    "astro_system_errors_total", .counter, labels: ["error_type"], "Operational errors, by kind.")

  public static let spoolFiles = MetricFamily(
    "astro_spool_files", .gauge, labels: ["state"], "Files in the spool, by the state they are in.")
  public static let spoolOldest = MetricFamily(
    "astro_spool_oldest_seconds", .gauge, "Age of the oldest file that waits in the spool.")
  public static let rejected = MetricFamily(
    "astro_rejected_total", .counter, labels: ["reason"], "Files refused, by reason.")
  public static let limitGranted = MetricFamily(
    "astro_rate_limit_granted_total", .counter, labels: ["limiter"], "Requests a rate limiter let through.")
  public static let limitDenied = MetricFamily(
    "astro_rate_limit_denied_total", .counter, labels: ["limiter"], "Requests a rate limiter held back.")
  public static let limitRemaining = MetricFamily(
    "astro_rate_limit_remaining", .gauge, labels: ["limiter", "key"], "Requests a rate limiter would let through now.")
  public static let retries = MetricFamily(
    "astro_retries_total", .counter, labels: ["agent_id"], "Attempts after the first one.")

  public static let lastRun = MetricFamily(
    "astro_last_run_timestamp_seconds", .gauge, "When the last run ended, in seconds since 1970.")
  public static let lastRunSuccess = MetricFamily(
    "astro_last_run_success", .gauge, "1 when the last run succeeded, else 0.")
  public static let heartbeat = MetricFamily(
    "astro_heartbeat_timestamp_seconds", .gauge, "When this page was written, in seconds since 1970.")

  /// Every family of the page, in its order.
  public static let all: [MetricFamily] = [
    appInfo, tasks, taskDuration, activeTasks, queuedTasks, workflows, workflowDuration, activeWorkflows, agentHealth,
    agentTasksActive, agentReliability, llmRequests, llmTokens, llmRequestDuration, llmCost, llmTokensReserved,
    cacheHits, parkedTasks, databaseQueries,
    databaseQueryDuration, databaseConnections, uptime, errors, spoolFiles, spoolOldest, rejected, limitGranted,
    limitDenied, limitRemaining, retries, lastRun, lastRunSuccess, heartbeat,
  ]
}

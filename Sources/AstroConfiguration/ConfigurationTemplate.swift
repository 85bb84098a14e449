/// What `astro init` writes: every key with its default.
public enum ConfigurationTemplate {
  public static let system = """
    # Every key is shown with its default.
    system:
      environment: development        # production | development
      log_level: INFO                 # DEBUG INFO WARNING ERROR CRITICAL
      json_logging: false             # the console's format; the file is always JSON
      log_file: logs/astro.log
      log_rotation: {size: 100MiB, keep: 5}    # astro.log.1 … .5; `unlimited` where logrotate does it
      rate_limits:                    # per user; `unlimited` instead of a mapping switches one off
        task_submission:   {max_requests: 100,  window_seconds: 60}
        workflow_creation: {max_requests: 20,   window_seconds: 60}
        api_calls:         {max_requests: 1000, window_seconds: 60}
      health_check_interval: 30       # seconds
      health_file: data/health.json
      metrics_enabled: true
      metrics_file: data/metrics/astro.prom
      metrics_interval: 15            # seconds
      max_parallel_tasks: 0           # 0 = number of processors
      max_active_workflows: 100       # the rest waits in spool/
      max_task_output: 64MiB          # kept of each stream: the first half, the last half; or `unlimited`
      spool_dir: spool
      data_dir: data
      require_final_newline: true
      trusted_users: []               # may name another `user:` in their workflows
      retention: {keep: 30d, keep_failed: 90d}

    """

  public static let agents = """
    # Who runs the tasks. A task without `agent:` and `capabilities:` goes to any agent of type command.
    agents:
      - id: shell_agent_001
        type: command
        capabilities: [shell]
        # max_concurrent: 4             # else only max_parallel_tasks bounds it

    """

  public static let models = """
    # What models cost, in USD per million tokens; a name may end in `*`. A model without a price costs unknown, never 0:
    # a run with a budget refuses it.
    models: []
    #  - {model: gpt-4o-mini, input: 0.15, output: 0.60, cache_read: 0.075, cache_write: 0.15}

    """
}

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

    # What tasks and agents take by name, shared by all runs: in no window of that length is more granted.
    limits: {}
    #  openai:
    #    concurrent: 8                 # attempts at a time
    #    rate: 60/1m                   # requests
    #    tokens: 200000/1m
    #    spend_usd: 5/1d
    #    reservation: strict           # strict | expected: how much of a call's tokens is taken before it is made
    #    per: all                      # all | user | agent | workflow: for whom each has a state of its own
    #    hours: [{from: 22:00, to: 06:00, rate: 600/1m}]    # replaces the values above, local time

    # What all runs together may use up.
    budgets: {}
    #  daily: {usd: 20, tokens: 5000000, calls: 10000, per: all, period: day, timezone: UTC, on_exceeded: park}
    #                                  # per: all | user; timezone: UTC | local; on_exceeded: park | hold

    """

  public static let agents = """
    # Who does the tasks. A task with `run:` goes to an agent of type command, one with `with:` to the agent it names.
    agents:
      - id: shell_agent_001
        type: command
        capabilities: [shell]
        # max_concurrent: 4             # else only max_parallel_tasks bounds it; of other types it is 8

    #  - id: llm_agent_001
    #    type: llm
    #    dialect: openai_chat           # openai_chat (any compatible server) | openai_responses | anthropic_messages
    #    base_url: http://127.0.0.1:4000/v1      # that of the dialect's own provider when absent
    #    api_key: {env: OPENAI_API_KEY} # or {file: keys/openai}; keys stand in no file of the configuration
    #    model: gpt-4o-mini
    #    capabilities: [summarisation, text]
    #    limits: [openai]               # of config/system_config.yaml
    #    fallbacks: [llm_agent_002]     # when the provider fails or its quota is used up
    #    max_output_tokens: 4096        # of tasks that do not say
    #    retries: 3                     # of one call, when the provider or the connection fails
    #    timeouts: {connect: 10s, first_byte: 5m, idle: 1m, total: 10m}
    #    tools: [time.get_current_time] # of tasks that do not say: server.tool, the server one of mcp_servers below
    #  - id: code_agent_001
    #    type: code                     # in a sandbox, without network
    #    capabilities: [code_execution, python]
    #    sandbox: {engine: auto, image: 'docker.io/library/python:3.12-slim', network: none, memory: 512MiB, pids: 128}
    #                                   # also cpus, tmp_size, open_files, containers_conf: a file for podman
    #  - id: http_agent_001
    #    type: http
    #    allow_hosts: [intranet.example.org]     # private and local addresses are refused otherwise
    #  - id: own_agent_001
    #    type: exec                     # reads one JSON request on stdin, writes one JSON result on stdout:
    #                                   # astro schema --exec says how
    #    command: [/usr/local/bin/my-agent]
    #  - id: claude_agent_001
    #    type: command
    #    preset: claude_code            # claude_code | codex | llm, or command: [program, '{prompt}']
    #    max_turns: 20
    #    max_cost_usd: 1.50
    #  - id: tool_agent_001
    #    type: mcp                      # one call of a tool, without a model
    #    server: time

    # Servers of the Model Context Protocol, which tools belong to. A workflow declares commands as tools itself.
    mcp_servers: {}
    #  time: {command: [mcp-server-time], env: {}, startup_timeout: 30s, call_timeout: 60s}

    """

  public static let models = """
    # What models cost, in USD per million tokens; a name may end in `*`. A model without a price costs unknown, never 0:
    # a task with a budget in USD refuses it. A model of your own costs 0. astro models import takes prices from LiteLLM's table.
    models: []
    #  - {model: gpt-4o-mini, input: 0.15, output: 0.60, cache_read: 0.075, cache_write: 0.15}
    #  - model: claude-sonnet-4-5*
    #    input: 3
    #    output: 15
    #    cache_read: 0.30
    #    cache_write: 3.75              # for minutes
    #    cache_write_1h: 6
    #    batch_input: 1.50
    #    batch_output: 7.50
    #    # of the whole call, once its prompt is longer
    #    above: [{tokens: 200000, input: 6, output: 22.50, cache_read: 0.60, cache_write: 7.50, cache_write_1h: 12}]

    """
}

import AstroCore
import AstroYAML

/// One key of the language: the parser accepts it, the schema describes it.
struct Key: Sendable {
  let name: StaticString
  /// What it does, as editors show it.
  let about: String
  /// The JSON Schema of its value, or the name of a shared one.
  let schema: String

  init(_ name: StaticString, _ about: String, _ schema: String) {
    self.name = name
    self.about = about
    self.schema = schema
  }
}

/// The words of the language, each in one place for the parser and for ``WorkflowSchema``.
enum WorkflowKeys {
  static let top = KeySet(
    topKeys.map(\.name), notYetSupported: ["idempotency_key", "concurrency", "hooks"],
    elsewhere: [(taskKeys.map(\.name), "tasks")])
  static let task = KeySet(
    taskKeys.map(\.name), notYetSupported: ["matrix", "for_each", "max_parallel", "fail_fast", "uses"],
    elsewhere: [
      (retryKeys.map(\.name), "'retry'"), (RequestKeys.ofModels.map(\.name), "'with' of agents of type llm"),
    ])
  static let defaults = KeySet(defaultKeys.map(\.name), elsewhere: [(taskKeys.map(\.name), "tasks")])
  static let retry = KeySet(retryKeys.map(\.name))
  static let resources = KeySet(resourceKeys.map(\.name))
  static let parameter = KeySet(parameterKeys.map(\.name))
  static let secret = KeySet(secretKeys.map(\.name))
  static let tool = KeySet(toolKeys.map(\.name))
  static let budget = KeySet(budgetKeys.map(\.name))
  static let cache = KeySet(cacheKeys.map(\.name))

  static let topKeys = [
    Key("name", "The workflow's name; the file's stem when absent.", "name"),
    Key("description", "A text for people.", ##"{"type": "string"}"##),
    Key(
      "labels", "Free words for finding runs again.",
      ##"{"type": "object", "additionalProperties": {"$ref": "#/$defs/plain"}}"##),
    Key(
      "user",
      "Whom the run is counted for, and runs as with a runner that is root; only the trusted may name another.",
      ##"{"type": "string", "pattern": "^[^\\u0000- /\\u007f]+$"}"##),
    Key(
      "priority", "Higher runs first.", ##"{"type": "integer", "minimum": -100, "maximum": 100, "default": 0}"##),
    Key("not_before", "The run starts at this time (RFC 3339) or later.", "time"),
    Key("deadline", "How long the whole run may take.", "positive_duration"),
    Key("budget", "What the whole run may use up at most; when it is met the run is held.", "budget"),
    Key(
      "params", "Values given with -p name=value; read as ${{ params.name }}.",
      ##"""
      {"type": "object", "maxProperties": \##(WorkflowReader.mostParameters),
       "propertyNames": {"$ref": "#/$defs/identifier"}, "additionalProperties": {"$ref": "#/$defs/parameter"}}
      """##),
    Key("env", "Variables of every task. Values may read params and run.", "env"),
    Key(
      "secrets",
      "Where values are that only the tasks that name them are given; read as ${{ secrets.NAME }} in their env.",
      ##"""
      {"type": "object", "propertyNames": {"$ref": "#/$defs/variable"}, "additionalProperties": {"$ref": "#/$defs/secret"}}
      """##),
    Key(
      "tools", "Commands that models may call, where the task names them.",
      ##"""
      {"type": "object", "propertyNames": {"$ref": "#/$defs/tool_name"}, "additionalProperties": {"$ref": "#/$defs/tool"}}
      """##),
    Key(
      "defaults", "What every task has unless it says otherwise; env, retry and resources are merged key by key.",
      "defaults"),
    Key(
      "tasks", "The tasks by their names.",
      ##"""
      {"type": "object", "minProperties": 1, "maxProperties": 1000000,
       "propertyNames": {"$ref": "#/$defs/name"}, "additionalProperties": {"$ref": "#/$defs/task"}}
      """##),
  ]

  static let taskKeys =
    [
      Key("run", "A string is a script for /bin/sh -eu; a list is a program and its arguments.", "run"),
      Key(
        "with", "What an agent of another type is to do, in the words of its type; values may hold expressions.", "with"
      ),
      Key("needs", "The tasks that must end before this one starts.", "needs"),
      Key(
        "if", "A condition, with or without ${{ }}. Without a status function in it success() && is implied.",
        ##"{"type": ["string", "number", "boolean"], "pattern": "\\S"}"##),
      Key(
        "outputs", "The outputs it promises: one missing after success is a failure.",
        ##"{"type": "array", "uniqueItems": true, "items": {"$ref": "#/$defs/identifier"}}"##),
    ] + defaultKeys

  static let defaultKeys = [
    Key("shell", "Who reads a script: a name found through PATH, an absolute path, or a list of words.", "shell"),
    Key("workdir", "Where the command starts; may hold expressions.", "text"),
    Key("env", "Variables. Values may read params, run, the workflow's env and, in a task, tasks it needs.", "env"),
    Key("timeout", "How long one attempt may take.", "positive_duration"),
    Key("grace", "How long after TERM a command that does not end gets KILL. 10s when absent.", "duration"),
    Key("retry", "When a failed attempt is followed by another.", "retry"),
    Key("resources", "What an attempt may use at most, all its processes together.", "resources"),
    Key(
      "continue_on_error", "A failure of this task does not fail the run.", ##"{"type": "boolean", "default": false}"##),
    Key("limits", "The named limits a task takes, besides those of its agent.", "names"),
    Key("budget", "What a task may use up at most, all its attempts together.", "budget"),
    Key("cache", "Whether a task may be answered by what an equal one was answered before.", "cache"),
    Key("agent", "An agent's id, or a type of agent.", "word"),
    Key(
      "capabilities", "What the agent must be able to do.",
      ##"{"type": "array", "items": {"$ref": "#/$defs/word"}}"##),
  ]

  static let retryKeys = [
    Key(
      "attempts", "How many at most, the first one counted.",
      ##"{"type": "integer", "minimum": 1, "maximum": 100, "default": 1}"##),
    Key("delay", "The wait after the first. 1s when absent.", "duration"),
    Key(
      "factor", "What each further wait is multiplied by.",
      ##"{"type": "number", "minimum": 1, "maximum": 100, "default": 2}"##),
    Key("max_delay", "The longest wait. 5m when absent.", "positive_duration"),
    Key(
      "jitter", "Each wait is drawn between half of it and all of it.", ##"{"type": "boolean", "default": true}"##),
    Key(
      "on_exit", "Only after these exit codes.",
      ##"{"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 255}}"##),
    Key("on_error", "Only after these kinds of failure.", ##"{"type": "array", "items": {"$ref": "#/$defs/cause"}}"##),
  ]

  static let resourceKeys = [
    Key(
      "cpus", "Processors; 0.5 is half of one. Only where the machine has control groups: see astro doctor.",
      ##"{"type": "number", "minimum": 0.01, "maximum": 4096}"##),
    Key("memory", "Memory, such as 512MiB. An attempt that needs more is ended.", "size"),
    Key(
      "processes",
      "Processes and threads at a time; no more are made. Where the machine has no control groups all that the user has count:"
        + " see astro doctor.",
      ##"{"type": "integer", "minimum": 1, "maximum": 4194304}"##),
  ]

  static let budgetKeys = [
    Key("usd", "Money, in USD.", ##"{"type": "number", "minimum": 0, "maximum": 9000000}"##),
    Key(
      "tokens", "Tokens of prompts and answers.", ##"{"type": "integer", "minimum": 1, "maximum": 1000000000000000}"##),
    Key("calls", "Calls to models.", ##"{"type": "integer", "minimum": 1, "maximum": 1000000000000}"##),
  ]

  static let cacheKeys = [
    Key("max_age", "How old the answer may be; any age when absent.", "positive_duration")
  ]

  static let parameterKeys = [
    Key("type", "The type of its values; that of the default when absent, else string.", "kind"),
    Key("required", "A run without it is refused.", ##"{"type": "boolean", "default": false}"##),
    Key(
      "pattern", "A regular expression a string must match.",
      ##"{"type": "string", "maxLength": \##(TextPattern.longest)}"##),
    Key("default", "Its value when none is given.", "value"),
    Key("description", "A text for people.", ##"{"type": "string"}"##),
  ]

  static let toolKeys = [
    Key("description", "What it does, as the model is told.", "word"),
    Key("run", "A string is a script for /bin/sh -eu; a list is a program and its arguments.", "run"),
    Key(
      "parameters",
      "A JSON Schema (draft 2020-12) of its arguments, which come as one JSON object on standard input. Any when absent.",
      ##"""
      {"type": "object", "properties": {"type": {"const": "object"},
       "properties": {"type": "object", "additionalProperties": {"type": "object"}}}}
      """##),
    Key("env", "Its variables. Values may read params, run, the workflow's env, and args.", "env"),
    Key("timeout", "How long one call may take. 1m when absent.", "positive_duration"),
    Key(
      "idempotent", "Calling it twice does no more than calling it once: it may be called again after a crash.",
      ##"{"type": "boolean", "default": false}"##),
  ]

  static let secretKeys = [
    Key("env", "A variable of the runner's own environment.", "variable"),
    Key("file", "A file only its owner can read; a relative path begins at the home.", "word"),
  ]

  /// What `run` holds in an expression.
  static let run = ["id", "name", "user", "dir"]

  /// What the record of a task holds in an expression.
  static let taskRecord = ["status", "exit_code", "stdout", "outputs"]
}

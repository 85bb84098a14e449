public import AstroCore

/// The exchange with agents of type exec as a JSON Schema (draft 2020-12), for whoever writes one.
public enum ExecSchema {
  /// `$defs/request` is the one line on standard input, `$defs/message` each line on standard output.
  public static let document: JSONValue = .map([
    "$schema": .string("https://json-schema.org/draft/2020-12/schema"),
    "title": .string("Astro: exec agents, version \(ExecProtocol.version)"),
    "description": .string(
      """
      A program of an agent of type exec reads one line of $defs/request on standard input, writes lines of \
      $defs/message on standard output, exactly one of them a result, and exits with 0. Any other exit code is a failure \
      whatever it wrote; standard error is kept as it is.
      """),
    "anyOf": .list([reference("request"), reference("message")]),
    "$defs": .map(["request": request, "message": .map(["oneOf": .list([progress, result])])]),
  ])

  private static let request = object(
    [
      "version": .map(["const": .integer(Int64(ExecProtocol.version))]),
      "workflow_id": text("The run."),
      "task_id": text("The task in it."),
      "attempt": .map(["type": .string("integer"), "minimum": .integer(1)]),
      "idempotency_key": text("The same for every attempt of the task: to find out what an earlier one has done."),
      "run_dir": text("The run's files, an absolute path; the working directory unless the task says otherwise."),
      "with": .map(["type": .string("object"), "description": .string("What the task asks, as in its workflow.")]),
    ], required: ["version", "workflow_id", "task_id", "attempt", "idempotency_key", "run_dir", "with"])

  private static let progress = object(
    [
      "type": .map(["const": .string("progress")]),
      "message": text("For people."),
      "fraction": .map(["type": .string("number"), "minimum": .integer(0), "maximum": .integer(1)]),
    ], required: ["type"])

  private static let result = object(
    [
      "type": .map(["const": .string("result")]),
      "status": .map(["enum": .list(ExecProtocol.Result.Status.allCases.map { .string($0.rawValue) })]),
      "message": text("For people."),
      "error": text("Why it failed, in one sentence."),
      "outputs": .map([
        "type": .string("object"),
        "propertyNames": .map(["pattern": .string("^[A-Za-z_][A-Za-z0-9_-]*$")]),
        "description": .string(
          "What other tasks see as tasks.<id>.outputs; lists and mappings become JSON. 1 MiB at most."),
      ]),
    ], required: ["type", "status"])

  private static func reference(_ name: String) -> JSONValue { .map(["$ref": .string("#/$defs/\(name)")]) }

  private static func text(_ about: String) -> JSONValue {
    .map(["type": .string("string"), "description": .string(about)])
  }

  private static func object(_ properties: [String: JSONValue], required: [String]) -> JSONValue {
    .map([
      "type": .string("object"), "additionalProperties": .bool(false), "properties": .map(properties),
      "required": .list(required.map(JSONValue.string)),
    ])
  }
}

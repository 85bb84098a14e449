/// The language as a JSON Schema (draft 2020-12), for editors: exactly the keys this version reads, and the forms of
/// their values as far as a schema can say them. What needs the whole file (needs that exist, circles, what expressions
/// read) only the parser knows.
public enum WorkflowSchema {
  /// Pretty-printed, ending in a newline. Over this file's usual length because the document is one text.
  public static var json: String { text }

  private static let text = #"""
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "Astro workflow",
      "description": "A file for the spool of astro: tasks, what each needs, and how each is run.",
      "type": "object",
      "additionalProperties": false,
      "required": ["tasks"],
      "properties": {
        "name": {
          "title": "Name",
          "description": "The workflow's name; the file's stem when absent.",
          "$ref": "#/$defs/name"
        },
        "description": {
          "title": "Description",
          "description": "A text for people.",
          "type": "string"
        },
        "labels": {
          "title": "Labels",
          "description": "Free words for finding runs again.",
          "type": "object",
          "additionalProperties": {"$ref": "#/$defs/text"}
        },
        "user": {
          "title": "User",
          "description": "Whom the run is counted for; only trusted submitters may name another than themselves.",
          "type": "string",
          "pattern": "^[^\\u0000- /\\u007f]+$"
        },
        "priority": {
          "title": "Priority",
          "description": "Higher runs first.",
          "type": "integer",
          "minimum": -100,
          "maximum": 100,
          "default": 0
        },
        "not_before": {
          "title": "Not before",
          "description": "The run starts at this time (RFC 3339) or later.",
          "type": "string",
          "format": "date-time"
        },
        "deadline": {
          "title": "Deadline",
          "description": "How long the whole run may take.",
          "$ref": "#/$defs/positive_duration"
        },
        "params": {
          "title": "Parameters",
          "description": "Values given with -p name=value; read as ${{ params.name }}.",
          "type": "object",
          "propertyNames": {"$ref": "#/$defs/identifier"},
          "additionalProperties": {"$ref": "#/$defs/parameter"}
        },
        "env": {
          "title": "Environment",
          "description": "Variables of every task. Values may read params and run.",
          "$ref": "#/$defs/env"
        },
        "defaults": {
          "title": "Defaults",
          "description": "What every task has unless it says otherwise; env and retry are merged key by key.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "timeout": {"$ref": "#/$defs/timeout"},
            "grace": {"$ref": "#/$defs/grace"},
            "retry": {"$ref": "#/$defs/retry"},
            "shell": {"$ref": "#/$defs/shell"},
            "workdir": {"$ref": "#/$defs/workdir"},
            "continue_on_error": {"$ref": "#/$defs/continue_on_error"},
            "agent": {"$ref": "#/$defs/agent"},
            "capabilities": {"$ref": "#/$defs/capabilities"},
            "env": {"$ref": "#/$defs/env"}
          }
        },
        "tasks": {
          "title": "Tasks",
          "description": "The tasks by their names.",
          "type": "object",
          "minProperties": 1,
          "propertyNames": {"$ref": "#/$defs/name"},
          "additionalProperties": {"$ref": "#/$defs/task"}
        }
      },
      "$defs": {
        "name": {
          "type": "string",
          "pattern": "^[a-z0-9_-]{1,64}$"
        },
        "identifier": {
          "type": "string",
          "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$"
        },
        "text": {
          "description": "A text; numbers and booleans are taken as they are written.",
          "type": ["string", "number", "boolean"]
        },
        "duration": {
          "description": "500ms, 10s, 5m, 2h, 1d, or a number of seconds.",
          "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?(ms|s|m|h|d)?$"}
          ]
        },
        "positive_duration": {
          "description": "500ms, 10s, 5m, 2h, 1d, or a number of seconds; longer than 0.",
          "anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "string", "pattern": "^(?=.*[1-9])[0-9]+([.][0-9]+)?(ms|s|m|h|d)?$"}
          ]
        },
        "env": {
          "type": "object",
          "propertyNames": {"pattern": "^(?!ASTRO_)[A-Za-z_][A-Za-z0-9_]*$"},
          "additionalProperties": {"$ref": "#/$defs/text"}
        },
        "list_of_scalars": {
          "type": "array",
          "items": {"type": ["string", "number", "boolean"]}
        },
        "parameter": {
          "title": "Parameter",
          "description": "A default, whose type is the parameter's; or a mapping.",
          "anyOf": [
            {"type": ["string", "number", "boolean"]},
            {"$ref": "#/$defs/list_of_scalars"},
            {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "type": {
                  "description": "The type of its values; that of the default when absent, else string.",
                  "enum": ["string", "integer", "number", "boolean", "list"]
                },
                "required": {
                  "description": "A run without it is refused.",
                  "type": "boolean",
                  "default": false
                },
                "pattern": {
                  "description": "A regular expression a string must match.",
                  "type": "string",
                  "maxLength": 256
                },
                "default": {
                  "description": "Its value when none is given.",
                  "anyOf": [
                    {"type": ["string", "number", "boolean"]},
                    {"$ref": "#/$defs/list_of_scalars"}
                  ]
                },
                "description": {
                  "description": "A text for people.",
                  "type": "string"
                }
              },
              "allOf": [
                {
                  "if": {"properties": {"required": {"const": true}}, "required": ["required"]},
                  "then": {"properties": {"default": false}}
                },
                {
                  "if": {"properties": {"type": {"const": "string"}}, "required": ["type"]},
                  "then": {"properties": {"default": {"type": "string"}}},
                  "else": {
                    "if": {"required": ["pattern"]},
                    "then": {"properties": {"type": false, "default": {"type": "string"}}}
                  }
                },
                {
                  "if": {"properties": {"type": {"const": "integer"}}, "required": ["type"]},
                  "then": {"properties": {"default": {"type": "integer"}}}
                },
                {
                  "if": {"properties": {"type": {"const": "number"}}, "required": ["type"]},
                  "then": {"properties": {"default": {"type": "number"}}}
                },
                {
                  "if": {"properties": {"type": {"const": "boolean"}}, "required": ["type"]},
                  "then": {"properties": {"default": {"type": "boolean"}}}
                },
                {
                  "if": {"properties": {"type": {"const": "list"}}, "required": ["type"]},
                  "then": {"properties": {"default": {"type": "array"}}}
                }
              ]
            }
          ]
        },
        "task": {
          "title": "Task",
          "description": "One script or command, and when and how it is run.",
          "type": "object",
          "additionalProperties": false,
          "required": ["run"],
          "properties": {
            "run": {
              "title": "Run",
              "description": "A string is a script for /bin/sh -eu; a list is a program and its arguments.",
              "anyOf": [
                {
                  "description": "A script. Expressions cannot stand in it: pass them through env.",
                  "type": ["string", "number", "boolean"],
                  "pattern": "^(?![\\s\\S]*[$][{][{])[\\s\\S]*\\S"
                },
                {
                  "description": "A program and its arguments, run without a shell.",
                  "type": "array",
                  "minItems": 1,
                  "prefixItems": [{"type": ["string", "number", "boolean"], "minLength": 1}],
                  "items": {"$ref": "#/$defs/text"}
                }
              ]
            },
            "shell": {"$ref": "#/$defs/shell"},
            "workdir": {"$ref": "#/$defs/workdir"},
            "env": {
              "title": "Environment",
              "description": "Variables of this task. Values may read params, run, tasks it needs, and the workflow's env.",
              "$ref": "#/$defs/env"
            },
            "needs": {
              "title": "Needs",
              "description": "The tasks that must end before this one starts.",
              "anyOf": [
                {"$ref": "#/$defs/name"},
                {"type": "integer", "minimum": 0},
                {
                  "type": "array",
                  "items": {"anyOf": [{"$ref": "#/$defs/name"}, {"type": "integer", "minimum": 0}]}
                }
              ]
            },
            "if": {
              "title": "If",
              "description": "A condition, with or without ${{ }}. Without a status function success() && is implied.",
              "type": ["string", "number", "boolean"],
              "minLength": 1
            },
            "timeout": {"$ref": "#/$defs/timeout"},
            "grace": {"$ref": "#/$defs/grace"},
            "retry": {"$ref": "#/$defs/retry"},
            "continue_on_error": {"$ref": "#/$defs/continue_on_error"},
            "outputs": {
              "title": "Outputs",
              "description": "The outputs it promises: one missing after success is a failure.",
              "type": "array",
              "uniqueItems": true,
              "items": {"$ref": "#/$defs/identifier"}
            },
            "agent": {"$ref": "#/$defs/agent"},
            "capabilities": {"$ref": "#/$defs/capabilities"}
          }
        },
        "shell": {
          "title": "Shell",
          "description": "Who reads a script: a name found through PATH, an absolute path, or a list of words.",
          "anyOf": [
            {"type": "string", "pattern": "^(/[^\\u0000- \\u007f]*)?[^\\u0000- /\\u007f]+$"},
            {
              "type": "array",
              "minItems": 1,
              "prefixItems": [{"type": ["string", "number", "boolean"], "minLength": 1}],
              "items": {"$ref": "#/$defs/text"}
            }
          ]
        },
        "workdir": {
          "title": "Working directory",
          "description": "Where the command starts; may hold expressions.",
          "$ref": "#/$defs/text"
        },
        "timeout": {
          "title": "Timeout",
          "description": "How long one attempt may take.",
          "$ref": "#/$defs/positive_duration"
        },
        "grace": {
          "title": "Grace",
          "description": "How long after TERM a command that does not end gets KILL. 10s when absent.",
          "$ref": "#/$defs/duration"
        },
        "retry": {
          "title": "Retry",
          "description": "When a failed attempt is followed by another.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "attempts": {
              "description": "How many at most, the first one counted.",
              "type": "integer",
              "minimum": 1,
              "maximum": 100,
              "default": 1
            },
            "delay": {
              "description": "The wait after the first. 1s when absent.",
              "$ref": "#/$defs/duration"
            },
            "factor": {
              "description": "What each further wait is multiplied by.",
              "type": "number",
              "minimum": 1,
              "maximum": 100,
              "default": 2
            },
            "max_delay": {
              "description": "The longest wait. 5m when absent.",
              "$ref": "#/$defs/positive_duration"
            },
            "jitter": {
              "description": "Each wait is drawn between half of it and all of it.",
              "type": "boolean",
              "default": true
            },
            "on_exit": {
              "description": "Only after these exit codes.",
              "type": "array",
              "items": {"type": "integer", "minimum": 1, "maximum": 255}
            },
            "on_error": {
              "description": "Only after these kinds of failure.",
              "type": "array",
              "items": {"enum": ["timeout", "signal", "lost", "start", "output"]}
            }
          }
        },
        "continue_on_error": {
          "title": "Continue on error",
          "description": "A failure of this task does not fail the run.",
          "type": "boolean",
          "default": false
        },
        "agent": {
          "title": "Agent",
          "description": "An agent's id, or a type of agent.",
          "type": "string",
          "minLength": 1
        },
        "capabilities": {
          "title": "Capabilities",
          "description": "What the agent must be able to do.",
          "type": "array",
          "items": {"type": "string"}
        }
      }
    }

    """#
}

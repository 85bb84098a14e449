import Glibc

/// A server of the Model Context Protocol in Python, of revision 2026-07-28, in a directory of its own. What a test gives is
/// put before the loop that serves: it may define `call(message)`, which answers `tools/call`, or never come that far.
public struct ToolServerScript: Sendable {
  public let directory: TemporaryDirectory

  /// The program and its arguments.
  public var command: [String] { ["/usr/bin/python3", "-u", directory.path("server.py")] }

  public init(_ body: String, in directory: TemporaryDirectory = TemporaryDirectory()) {
    self.directory = directory
    let text = Self.beginning + "\n" + body + "\n" + Self.end
    let file = fopen(directory.path("server.py"), "w")
    precondition(file != nil, "cannot write the server's script")
    fputs(text, file)
    fclose(file)
  }

  private static let beginning = """
    import json, os, signal, subprocess, sys, time

    def say(message):
        sys.stdout.write(json.dumps(message) + "\\n")
        sys.stdout.flush()

    def answer(message, result):
        say({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def refuse(message, code, text):
        say({"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": text}})

    def text(message, words, **more):
        answer(message, {"resultType": "complete", "content": [{"type": "text", "text": words}], **more})

    def messages():
        for line in sys.stdin:
            yield json.loads(line)

    def call(message):
        text(message, "done")

    def name(message):
        return message["params"]["name"]

    TOOLS = [
        {"name": "look", "description": "Looks", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
        {"name": "set", "description": "Sets", "inputSchema": {"type": "object"}, "annotations": {"idempotentHint": True}},
        {"name": "add", "description": "Adds", "inputSchema": {"type": "object"}},
    ]
    """

  private static let end = """
    for message in messages():
        if "method" not in message or "id" not in message:
            continue
        if message["method"] == "server/discover":
            answer(message, {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})
        elif message["method"] == "tools/list":
            answer(message, {"resultType": "complete", "tools": TOOLS, "ttlMs": 0})
        elif message["method"] == "tools/call":
            call(message)
        else:
            refuse(message, -32601, "Method not found")
    """
}

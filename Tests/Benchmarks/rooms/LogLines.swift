import AstroTelemetry
import Logging

/// The line a runner logs at the end of a task, as often as asked, into a file.
struct LogLines {
  let count: Int

  func measure(file: String) throws {
    let output = try LogOutput(LogSettings(file: file))
    let log = Logger(label: "astro") { output.handler(label: $0) }
    let start = monotonicNow()
    LogContext.with(userID: "alice", workflowID: "nightly-report-20261124T020000Z-k3v9qa") {
      for index in 0..<count {
        log.info(
          "Task execution completed",
          metadata: [
            "task_id": .string("summarise"), "agent_id": .string("shell_agent_001"),
            "attempt": .stringConvertible(index & 3), "duration_ms": .stringConvertible(12.345),
            "success": .stringConvertible(true), "status": .string("succeeded"),
          ])
      }
    }
    let end = monotonicNow()
    print("{\"lines\":\(count),\"start_ns\":\(start),\"end_ns\":\(end)}")
  }
}

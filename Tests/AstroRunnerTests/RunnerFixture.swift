import AstroConfiguration
import AstroCore
import AstroJournal
import AstroTelemetry
import AstroTestKit
import Foundation
import Glibc
import Logging
import Synchronization
import Testing

@testable import AstroRunner

/// A clock whose hands the test turns, and which may go on a little at every look.
final class HandClock: AstroCore.Clock, Sendable {
  /// 2026-11-24T02:00:00Z
  private let moment = Mutex(Moment(wall: Timestamp(microseconds: 1_795_485_600_000_000), boot: 500_000_000))
  private let step = Mutex(Duration.zero)

  func now() -> Moment {
    let step = step.withLock { $0 }
    return moment.withLock { moment in
      moment = moment.advanced(by: step)
      return moment
    }
  }

  func advance(_ duration: Duration) { moment.withLock { $0 = $0.advanced(by: duration) } }
  func goOn(by step: Duration) { self.step.withLock { $0 = step } }
}

/// A home of its own, in which runners stand still: what they report is asked for by hand.
final class RunnerFixture {
  let root = TemporaryDirectory()
  let clock = HandClock()
  let configuration: Configuration
  let home: Home

  init(_ changes: [(String, String)] = []) throws {
    for directory in ["config", "spool", "logs", "data"] { mkdir(root.path(directory), 0o700) }
    var system = ConfigurationTemplate.system
    for (old, new) in changes {
      try #require(system.contains(old))
      system = system.replacingOccurrences(of: old, with: new)
    }
    try system.write(toFile: root.path("config/system_config.yaml"), atomically: true, encoding: .utf8)
    configuration = try Configuration.load(home: root.path, environment: [:])
    home = Home(root: root.path, system: configuration.system)
  }

  func runner(_ mode: Runner.Mode) throws -> Runner {
    let output = try LogOutput(LogSettings(file: home.log, level: .debug))
    return try Runner(
      home: home, configuration: configuration,
      options: .init(mode: mode, grace: .seconds(30), executable: "/bin/false", environment: [:], version: "1.0"),
      bootID: "boot-a", signals: SignalInbox(), log: Logger(label: "astro") { output.handler(label: $0) },
      logOutput: output, clock: clock)
  }

  func watcher() throws -> Runner { try runner(.watch) }
  func pass() throws -> Runner { try runner(.drain(maxTime: nil)) }

  func journal() throws -> Journal { try Journal.open(dataDirectory: home.data, bootID: "boot-a", clock: clock) }

  /// The health file, as a parser that is not ours reads it.
  func health() throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: home.health))) as? [String: Any])
  }

  var status: String? { get throws { try health()["status"] as? String } }
  var mode: String? { get throws { try health()["mode"] as? String } }

  func check(_ name: String) throws -> [String: Any] {
    let checks = try #require(try health()["checks"] as? [String: Any])
    return try #require(checks[name] as? [String: Any])
  }

  /// The value of one sample of the metrics page.
  func metric(_ series: String) throws -> String? {
    let page = try String(contentsOfFile: home.metrics, encoding: .utf8)
    return page.split(separator: "\n").first { $0.hasPrefix(series + " ") }.map {
      String($0.dropFirst(series.count + 1))
    }
  }

  /// The messages logged, oldest first.
  func logged(_ level: String) throws -> [String] {
    try String(contentsOfFile: home.log, encoding: .utf8).split(separator: "\n").compactMap { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["level"] as? String == level ? object?["message"] as? String : nil
    }
  }
}

extension Runner {
  /// One look of the loop at what is to be reported.
  func report() { reports.update(self, now: clock.now()) }
}

func run(_ name: String, _ state: RunState, tasks: Int = 0, finished: Timestamp? = nil) -> RunRecord {
  var run = RunRecord(
    id: WorkflowID(unchecked: "\(name)-20261124T020000Z-abcdef"), name: name, user: "alice", state: state,
    file: Array("\(name).yaml".utf8), fileExtension: "yaml", sha256: "", submittedAt: Timestamp(microseconds: 1),
    claimedAt: Timestamp(microseconds: 2), owner: "somebody")
  run.taskCount = tasks
  run.finishedAt = finished
  return run
}

import Foundation
import Testing

@testable import AstroTelemetry

@Suite struct MetricsTests {
  /// The families: name, type, labels, and a histogram's bounds.
  static let contract: [(name: String, type: String, labels: [String], bounds: [Double])] = [
    ("astro_app_info", "gauge", ["version", "swift_version", "environment"], []),
    ("astro_tasks_total", "counter", ["agent_id", "status"], []),
    ("astro_task_duration_seconds", "histogram", ["agent_id"], [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]),
    ("astro_active_tasks", "gauge", [], []), ("astro_queued_tasks", "gauge", [], []),
    ("astro_workflows_total", "counter", ["status"], []),
    ("astro_workflow_duration_seconds", "histogram", [], [1, 5, 10, 30, 60, 300, 600, 1800]),
    ("astro_active_workflows", "gauge", [], []), ("astro_agent_health", "gauge", ["agent_id"], []),
    ("astro_agent_tasks_active", "gauge", ["agent_id"], []),
    ("astro_agent_reliability_score", "gauge", ["agent_id"], []),
    ("astro_llm_requests_total", "counter", ["model", "status"], []),
    ("astro_llm_tokens_total", "counter", ["model", "type"], []),
    ("astro_llm_request_duration_seconds", "histogram", ["model"], [0.5, 1, 2, 5, 10, 20, 30]),
    ("astro_llm_cost_usd_total", "counter", ["model"], []),
    ("astro_llm_tokens_reserved_total", "counter", ["model"], []),
    ("astro_cache_hits_total", "counter", ["agent_id"], []), ("astro_parked_tasks", "gauge", ["limiter"], []),
    ("astro_db_queries_total", "counter", ["operation"], []),
    ("astro_db_query_duration_seconds", "histogram", ["operation"], [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]),
    ("astro_db_connections_active", "gauge", [], []), ("astro_system_uptime_seconds", "gauge", [], []),
    ("astro_system_errors_total", "counter", ["error_type"], []), ("astro_spool_files", "gauge", ["state"], []),
    ("astro_spool_oldest_seconds", "gauge", [], []), ("astro_rejected_total", "counter", ["reason"], []),
    ("astro_rate_limit_granted_total", "counter", ["limiter"], []),
    ("astro_rate_limit_denied_total", "counter", ["limiter"], []),
    ("astro_rate_limit_remaining", "gauge", ["limiter", "key"], []),
    ("astro_retries_total", "counter", ["agent_id"], []), ("astro_last_run_timestamp_seconds", "gauge", [], []),
    ("astro_last_run_success", "gauge", [], []), ("astro_heartbeat_timestamp_seconds", "gauge", [], []),
  ]

  private func page(counters: [String: Double] = [:], gauges: [String: Double] = [:]) -> [String] {
    let bytes = MetricsText.render(counters: counters, gauges: gauges)
    #expect(bytes.last == 0x0A)
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      .map(String.init)
  }

  @Test func theFamiliesAreTheContracts() {
    #expect(MetricFamily.all.count == Self.contract.count)
    for (family, expected) in zip(MetricFamily.all, Self.contract) {
      #expect(family.name == expected.name && family.labels == expected.labels)
      let bounds: [Double] = if case .histogram(let bounds) = family.kind { bounds } else { [] }
      #expect(bounds == expected.bounds)
    }
  }

  @Test func theFirstPageHasHelpAndTypeOfEveryFamily() {
    let lines = page()
    for family in Self.contract {
      #expect(lines.count { $0.hasPrefix("# HELP \(family.name) ") } == 1)
      #expect(lines.count { $0 == "# TYPE \(family.name) \(family.type)" } == 1)
    }
    // What a rate is taken of is 0 before it happens, not absent.
    for sample in [
      "astro_workflows_total{status=\"completed\"} 0", "astro_workflows_total{status=\"failed\"} 0",
      "astro_workflows_total{status=\"cancelled\"} 0", "astro_db_queries_total{operation=\"select\"} 0",
      "astro_workflow_duration_seconds_bucket{le=\"+Inf\"} 0", "astro_workflow_duration_seconds_count 0",
    ] { #expect(lines.contains(sample), "\(sample)") }
  }

  @Test func helpAndTypeComeBeforeTheSamplesOfTheirFamilyAndEveryLineIsWellFormed() throws {
    var deltas = SeriesDeltas()
    deltas.increment(.tasks, ["a\"\\\n{},=", "success"])
    deltas.observe(.taskDuration, ["a"], 0.3)
    let lines = page(counters: deltas.values, gauges: [MetricFamily.uptime.series(): 1.5])
    var family = ""
    for line in lines {
      if let match = line.wholeMatch(of: /# HELP ([a-z_]+) [^\n]+\./) {
        family = String(match.1)
      } else if !line.hasPrefix("# TYPE \(family) ") {
        // A name, labels, one number, and no timestamp after it.
        let sample = /([a-z_]+)(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)+\})? [-+0-9.e]+/
        let match = try #require(line.wholeMatch(of: sample), "\(line)")
        let name = String(match.1)
        #expect(name == family || ["_bucket", "_sum", "_count"].contains { name == family + $0 }, "\(line)")
      }
    }
  }

  @Test func labelValuesAreEscapedAndFindTheirWayBack() {
    let hostile = ["plain", "", "a\"b", "back\\slash\\", "new\nline", "ü 漢字", "}{,=", "\\\""]
    var counters: [String: Double] = [:]
    for (i, value) in hostile.enumerated() { counters[MetricFamily.rejected.series([value])] = Double(i + 1) }
    let lines = page(counters: counters)
    let expected = [
      "plain", "", "a\\\"b", "back\\\\slash\\\\", "new\\nline", "ü 漢字", "}{,=", "\\\\\\\"",
    ]
    for (i, value) in expected.enumerated() {
      #expect(lines.contains("astro_rejected_total{reason=\"\(value)\"} \(i + 1)"))
    }
    #expect(MetricFamily.rejected.series(["\u{1B}[31m\r\t\u{202E}"]) == "astro_rejected_total{reason=\"?[31m???\"}")
  }

  @Test func whatIsNoSeriesOfOursIsLeftOut() {
    let damaged = [
      "", "x", "astro_tasks_total", "astro_tasks_total{", "astro_tasks_total{agent_id=\"a\"}", "other_total{a=\"b\"}",
      "astro_tasks_total{status=\"success\",agent_id=\"a\"}", "astro_tasks_total{agent_id=\"a\",status=\"s\"} 1\nevil",
      "astro_rejected_total{reason=\"a\"b\"}", "astro_rejected_total{reason=\"\\t\"}",
      "astro_rejected_total{reason=\"a\n\"}",
      "astro_task_duration_seconds{agent_id=\"a\"}", "astro_task_duration_seconds_bucket{agent_id=\"a\"}",
      "astro_active_tasks",
    ]
    #expect(page(counters: Dictionary(uniqueKeysWithValues: damaged.map { ($0, 7) })) == page())
    #expect(page(gauges: ["astro_rejected_total{reason=\"a\"}": 7, "nobody": 7]) == page())
  }

  @Test func aHistogramIsCumulativeCompleteAndInOrder() throws {
    var deltas = SeriesDeltas()
    for value in [0.05, 0.1, 0.10001, 4, 299, 300, 301] { deltas.observe(.taskDuration, ["a"], value) }
    deltas.observe(.taskDuration, ["a"], .nan)
    let lines = page(counters: deltas.values)
    let start = try #require(lines.firstIndex(of: "# TYPE astro_task_duration_seconds histogram"))
    let counts = [2, 3, 3, 3, 4, 4, 4, 4, 4, 6, 7]
    let bounds = ["0.1", "0.5", "1", "2", "5", "10", "30", "60", "120", "300", "+Inf"]
    for (i, (bound, count)) in zip(bounds, counts).enumerated() {
      #expect(
        lines[start + 1 + i] == "astro_task_duration_seconds_bucket{agent_id=\"a\",le=\"\(bound)\"} \(count)")
    }
    #expect(lines[start + 12] == "astro_task_duration_seconds_sum{agent_id=\"a\"} 904.25001")
    #expect(lines[start + 13] == "astro_task_duration_seconds_count{agent_id=\"a\"} 7")
  }

  @Test func aHistogramWithMissingRowsNeverFalls() {
    let lines = page(counters: [
      "astro_workflow_duration_seconds_bucket{le=\"5\"}": 3, "astro_workflow_duration_seconds_sum": 9,
      "astro_workflow_duration_seconds_bucket{le=\"30\"}": 2,
    ])
    let values = lines.filter { $0.hasPrefix("astro_workflow_duration_seconds_") }.map { $0.split(separator: " ")[1] }
    #expect(values == ["0", "3", "3", "3", "3", "3", "3", "3", "3", "9", "3"])
  }

  @Test func observationsCountedElsewhereAreTheSame() {
    var one = SeriesDeltas()
    var other = SeriesDeltas()
    for value in [0.5, 3, 7, 2000] { one.observe(.workflowDuration, [], value) }
    other.observe(.workflowDuration, [], binned: [1, 1, 1, 0, 0, 0, 0, 0, 1], sum: 2010.5)
    #expect(one.values == other.values)
  }

  @Test func deltasAreForgottenOnceCommitted() {
    var deltas = SeriesDeltas()
    #expect(deltas.isEmpty && deltas.values.isEmpty)
    deltas.increment(.retries, ["a"])
    deltas.increment(.retries, ["a"], by: 2)
    deltas.increment(.limitDenied, ["l"], by: 0)
    #expect(
      deltas.values == ["astro_retries_total{agent_id=\"a\"}": 3, "astro_rate_limit_denied_total{limiter=\"l\"}": 0])
    deltas.removeAll()
    #expect(deltas.isEmpty && deltas.values.isEmpty)
    deltas.increment(.retries, ["a"])
    #expect(deltas.values == ["astro_retries_total{agent_id=\"a\"}": 1])
  }

  @Test func numbersAreWhatEveryParserReads() {
    let texts = [0, -1, 1.5, 1e15, 1e16, 1e300, .infinity, -.infinity, .nan, 0.001].map(MetricsText.number)
    #expect(
      texts == ["0", "-1", "1.5", "1000000000000000", "1e+16", "1e+300", "+Inf", "-Inf", "NaN", "0.001"])
  }
}

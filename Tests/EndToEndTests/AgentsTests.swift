import AstroCore
import AstroJournal
import Foundation
import Testing

@Suite struct AgentsTests {
  private struct Clock: AstroCore.Clock {
    func now() -> Moment { Moment(wall: Timestamp(microseconds: 1_795_000_000_000_000), boot: 1) }
  }

  private func journal(of home: Home) throws -> Journal {
    try Journal.open(dataDirectory: home.path + "/data", bootID: "boot", clock: Clock())
  }

  /// As three failures of the infrastructure in a row leave it.
  private func makeIll(_ home: Home) throws {
    let journal = try journal(of: home)
    defer { journal.close() }
    try journal.commit { transaction in
      try transaction.put(
        agent: AgentRecord(
          id: "shell_agent_001", successes: 1, failures: 3, infrastructureFailures: 3, lastError: "no more processes"))
    }
  }

  @Test func `agents are listed before anything has run`() throws {
    let home = try Home()
    try home.write(
      """
      agents:
        - {id: small, type: command, capabilities: [shell, git], max_concurrent: 4}
        - {id: big, type: command}

      """, to: "config/agents.yaml")
    let ending = try home.astro("agents")
    #expect(ending.code == 0)
    #expect(
      ending.output
        == """
        AGENT  TYPE     STATUS  LOAD  RELIABILITY  LAST ERROR  CAPABILITIES
        small  command  idle    0/4   1.000        -           shell, git
        big    command  idle    0/-   1.000        -

        """)
    #expect(!home.exists("data/astro.sqlite"))
  }

  @Test func `an agent at work is active, with its load`() throws {
    let home = try Home()
    let gate = try home.gate()
    try home.submit(
      "tasks: {a: {run: '\(gate.pass)'}}\n")
    let drain = try home.start("drain")
    try gate.waitForTask()
    #expect(
      try home.astro("agents", "--json").output
        == """
        [{"agent_id":"shell_agent_001","type":"command","status":"active","running":1,"max_concurrent":null,\
        "reliability":1,"last_error":null,"capabilities":["shell"]}]

        """)
    gate.letOn()
    #expect(try drain.finish().code == 0)
  }

  @Test func `failures lower the reliability`() throws {
    let home = try Home()
    try home.drain("tasks: {a: {run: 'false'}, b: {run: 'false'}}\n")
    // (0 + 2) / (0 + f + 2) with f = 0.5^(1/50) + 1
    #expect(try home.astro("agents", "--json").output.contains("\"reliability\":0.502,"))
  }

  @Test func `a probe that succeeds clears the failures for good`() throws {
    let home = try Home()
    try makeIll(home)
    let ill = try home.astro("agents", "--json")
    #expect(ill.output.contains("\"status\":\"unhealthy\""))
    #expect(ill.output.contains("\"last_error\":\"no more processes\""))
    #expect(ill.code == 0)

    let probed = try home.astro("agents", "--probe", "--json")
    #expect(probed.code == 0)
    #expect(probed.output.contains("\"status\":\"idle\""))
    let record = try #require(try journal(of: home).read { try $0.agents() }.first)
    #expect(record.infrastructureFailures == 0)
    #expect(record.lastError == nil)
    #expect(record.failures == 3)
  }
}

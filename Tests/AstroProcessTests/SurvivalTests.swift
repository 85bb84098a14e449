import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// The runner dies, the warden dies, or both, while commands run.
@Suite(.serialized) struct SurvivalTests {
  /// Waits for news of a warden that nobody talks to any more.
  private func news(_ watch: WreckWatch) throws -> [WreckWatch.News] {
    var news = try watch.newRecords()
    while news.isEmpty {
      var polled = watch.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&polled, nfds_t(polled.count), 30_000) > 0 else { throw WardenFixture.Stuck(what: "no news") }
      news = try watch.newRecords()
    }
    return news
  }

  @Test func commandsGoOnWithoutTheirRunnerAndTheSuccessorIsToldTheirEnds() throws {
    let fixture = try WardenFixture()
    let gate = NamedPipe(fixture.path("gate"))
    let size = 300_000
    try fixture.start(
      (0..<5).map { fixture.script("t\($0)", "read l < $DIR/gate; yes \($0) | head -c \(size); exit \($0)") })
    let pids = try fixture.pids((0..<5).map { "t\($0)" })
    fixture.dropRunner()
    let watch = WreckWatch(try fixture.survey())
    guard case .alive(let warden?) = watch.wreck.warden else {
      Issue.record("the warden is \(watch.wreck.warden)")
      return
    }
    #expect(warden.pid == fixture.wardenPID)
    #expect(warden.exists)
    for number in 0..<5 {
      guard case .running(let command) = watch.wreck.verdict(fixture.key("t\(number)")) else {
        Issue.record("\(watch.wreck.verdict(fixture.key("t\(number)")))")
        continue
      }
      #expect(command.identity?.pid == pids[number])
      #expect(command.identity?.exists == true)
    }
    for _ in 0..<5 { gate.tell("go") }
    var told: [WreckWatch.News] = []
    while told.last != .wardenDied { told += try news(watch) }
    #expect(watch.wreck.closed)
    #expect(watch.wreck.running.isEmpty)
    for number in 0..<5 {
      guard case .ended(let record) = watch.wreck.verdict(fixture.key("t\(number)")) else {
        Issue.record("\(watch.wreck.verdict(fixture.key("t\(number)")))")
        continue
      }
      #expect(told.contains(.ended(record)))
      #expect(record.status == .exited(Int32(number)))
      let expected = Data(String(repeating: "\(number)\n", count: size / 2).utf8)
      #expect(try fixture.read(record.stdout) == expected)
    }
    try fixture.awaitWardenEnd()
    #expect(try fixture.survey().warden == .dead)
  }

  @Test func aSuccessorSignalsWhatItFindsRunning() throws {
    let fixture = try WardenFixture()
    try fixture.start([fixture.script("a", "sleep 1000")])
    _ = try fixture.pid("a")
    fixture.dropRunner()
    let watch = WreckWatch(try fixture.survey())
    try #require(watch.wreck.running[fixture.key("a")]).signal(SIGTERM)
    var told: [WreckWatch.News] = []
    while told.last != .wardenDied { told += try news(watch) }
    guard case .ended(let record) = watch.wreck.verdict(fixture.key("a")) else {
      Issue.record("not ended")
      return
    }
    #expect(record.status == .signalled(SIGTERM))
  }

  /// Requests that are still on their way when the runner dies are carried out, or never are: `closed` says which.
  @Test func everyRequestBeforeTheDeathIsStartedOrKnownNotToBe() throws {
    for round in 0..<5 * Torture.factor {
      let fixture = try WardenFixture()
      // Without the first answer the warden has not greeted, and nothing is sent before that.
      if round > 0 { _ = try fixture.record(fixture.request("first", ["/bin/true"])) }
      let tasks = (0..<60).map { "t\($0)" }
      try fixture.start(
        tasks.map {
          fixture.request(
            $0, ["/bin/sh", "-c", "echo \($0) >> $DIR/effects"],
            environment: [String](repeating: "X=\(String(repeating: "x", count: 2000))", count: round))
        })
      fixture.dropRunner()
      let early = try fixture.survey()
      for task in tasks where early.warden != .dead && !early.closed {
        switch early.verdict(fixture.key(task)) {
        case .undecided, .running, .ended: break
        default: Issue.record("\(early.verdict(fixture.key(task))) before the warden had read everything")
        }
      }
      try fixture.awaitWardenEnd()
      let effects = try? String(contentsOfFile: fixture.path("effects"), encoding: .utf8)
      let ran = Set((effects ?? "").split(separator: "\n").map(String.init))
      let wreck = try fixture.survey()
      for task in tasks {
        switch wreck.verdict(fixture.key(task)) {
        case .ended(let record):
          #expect(record.status == .exited(0))
          #expect(ran.contains(task))
        case .neverStarted: #expect(!ran.contains(task))
        case let verdict: Issue.record("\(task) is \(verdict)")
        }
      }
      #expect(ran.isEmpty == (round == 0))
      #expect(wreck.closed || round == 0)
    }
  }

  @Test func whenTheWardenIsKilledTheRunnerIsToldAndTheRecordsTellTheRest() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    _ = try fixture.record(fixture.script("done", "exit 9"))
    try fixture.start([fixture.script("going", "echo printed; echo up > $DIR/up; setsid sleep 1000 & sleep 1000")])
    #expect(try fixture.line(up) == "up")
    let pid = try fixture.pid("going")
    try fixture.killWarden()
    try fixture.start([fixture.request("late", ["/bin/touch", fixture.path("late")])])
    try fixture.listenUntilClosed()
    let wreck = try fixture.survey()
    #expect(wreck.warden == .dead)
    guard case .ended(let record) = wreck.verdict(fixture.key("done")),
      case .lost(let command?) = wreck.verdict(fixture.key("going"))
    else {
      Issue.record("\(wreck.verdict(fixture.key("done"))), \(wreck.verdict(fixture.key("going")))")
      return
    }
    #expect(record.status == .exited(9))
    #expect(command.identity?.pid == pid)
    #expect(command.identity?.exists == true)
    #expect(try fixture.read(command.stdout) == Data("printed\n".utf8))
    #expect(wreck.verdict(fixture.key("late")) == .neverStarted)
    #expect(!fixture.survivors.isEmpty)
    #expect(ProcessTree.kill(fixture.key("going"), home: fixture.directory.path, identity: command.identity) == .proved)
    #expect(fixture.survivors.isEmpty)
    #expect(access(fixture.path("late"), F_OK) != 0)
  }

  @Test func lostProcessesOfEveryShapeAreFoundAndKilled() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    try Data("#!/bin/sh\necho $$ > $DIR/up\nwhile :; do sleep 1000; done\n".utf8)
      .write(to: URL(fileURLWithPath: fixture.path("d")))
    chmod(fixture.path("d"), 0o755)
    let shapes = CommandEndTests.shapes
    for (number, shape) in shapes.enumerated() {
      try fixture.start([fixture.script("t\(number)", "export D=$DIR/d; \(shape.script)\nwhile :; do sleep 1000; done")]
      )
      _ = try fixture.line(up)
      _ = try fixture.pid("t\(number)")
    }
    try fixture.killWarden()
    let wreck = try fixture.survey()
    for (number, shape) in shapes.enumerated() {
      let key = fixture.key("t\(number)")
      guard case .lost(let command?) = wreck.verdict(key) else {
        Issue.record("\(shape.name): \(wreck.verdict(key))")
        continue
      }
      #expect(
        ProcessTree.kill(key, home: fixture.directory.path, identity: command.identity) == .proved, "\(shape.name)")
      #expect(Processes.carrying("ASTRO_TASK_ID=t\(number)").filter { fixture.survivors.contains($0) }.isEmpty)
    }
    #expect(fixture.survivors.isEmpty)
  }

  /// Found by the environment alone, as when the warden was killed between the fork and the record of the pid.
  @Test func aLostProcessWithoutARecordedPidIsFoundByItsEnvironment() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    try fixture.start([fixture.script("a", "(trap '' TERM; setsid -f sleep 1000); echo up > $DIR/up; sleep 1000")])
    #expect(try fixture.line(up) == "up")
    try fixture.killWarden()
    #expect(ProcessTree.kill(fixture.key("a"), home: fixture.directory.path, identity: nil) == .proved)
    #expect(fixture.survivors.isEmpty)
  }

  /// It moves to a group of its own and back all the time, as a child of setsid(1) does once: half of the signals to the
  /// group it was seen in miss it.
  @Test func aLostProcessThatChangesItsGroupIsKilled() throws {
    let restless = """
      import os
      group = os.getpgrp()
      if os.fork() == 0:
        print('up', file=open(os.environ['DIR'] + '/up', 'w'), flush=True)
        while True:
          os.setpgid(0, 0)
          try: os.setpgid(0, group)
          except OSError: pass
      os.setpgid(0, 0)
      import signal; signal.pause()
      """
    for _ in 0..<8 {
      let fixture = try WardenFixture()
      try Data(restless.utf8).write(to: URL(fileURLWithPath: fixture.path("restless.py")))
      let up = NamedPipe(fixture.path("up"))
      try fixture.start([fixture.script("a", "python3 $DIR/restless.py & exec sleep 1000")])
      #expect(try fixture.line(up) == "up")
      try fixture.killWarden()
      #expect(ProcessTree.kill(fixture.key("a"), home: fixture.directory.path, identity: nil) == .proved)
      #expect(fixture.survivors.isEmpty)
    }
  }

  /// In a process of its own, which may lose the right to open files without harm to other tests.
  @Test func aProcessThatCannotBeLookedForIsNotCalledDead() async {
    await #expect(processExitsWith: .exitCode(7)) {
      var limit = rlimit(rlim_cur: 0, rlim_max: 0)
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      let key = AttemptKey(workflow: WorkflowID(unchecked: "w"), task: "a", number: 1)
      let death = ProcessTree.kill(key, home: "/", identity: nil, patience: .zero)
      Glibc.exit(death == .unproved("Too many open files") ? 7 : 1)
    }
  }

  // MARK: A storm

  /// The warden is killed at any moment while it starts and reaps. Each command writes down that it began and that it
  /// ended, so that every verdict can be held against what happened.
  @Test func inAStormOfKilledWardensNoVerdictIsFalse() throws {
    var tally: [String: Int] = [:]
    for round in 0..<60 * Torture.factor {
      var random = SplitMix64(seed: UInt64(round))
      let fixture = try WardenFixture()
      let tasks = (0..<12).map { "t\($0)" }
      for (number, task) in tasks.enumerated() {
        let wait = number % 3 == 0 ? "sleep 0.0\(number)" : ":"
        try fixture.start([
          fixture.script(
            task, "echo began-\(task) >> $DIR/effects; \(wait); echo ended-\(task) >> $DIR/effects; exit \(number + 20)"
          )
        ])
      }
      // A random number of answers, then a random number of looks at the clock: no sleep, and every phase is met.
      let most = Int.random(in: 0...tasks.count, using: &random)
      while fixture.told.count < most { try fixture.listen() }
      for _ in 0..<Int.random(in: 0...20_000, using: &random) { _ = wallClock() }
      if round % 2 == 0 { fixture.dropRunner() }
      try fixture.killWarden()
      let wreck = try fixture.survey()
      for task in tasks {
        let key = fixture.key(task)
        if case .lost(let command) = wreck.verdict(key) {
          #expect(
            ProcessTree.kill(key, home: fixture.directory.path, identity: command?.identity) == .proved,
            "round \(round)")
        }
      }
      let effects = (try? String(contentsOfFile: fixture.path("effects"), encoding: .utf8)) ?? ""
      let lines = effects.split(separator: "\n").map(String.init)
      for (number, task) in tasks.enumerated() {
        let began = lines.count { $0 == "began-\(task)" }
        let ended = lines.count { $0 == "ended-\(task)" }
        #expect(began <= 1, "round \(round), \(task) began twice")
        switch wreck.verdict(fixture.key(task)) {
        case .ended(let record):
          #expect(record.status == .exited(Int32(number + 20)), "round \(round), \(task)")
          #expect((began, ended) == (1, 1), "round \(round), \(task) is said to have ended")
          tally["ended", default: 0] += 1
        case .neverStarted:
          #expect(began == 0, "round \(round), \(task) is said never to have begun")
          tally["never", default: 0] += 1
        case .lost: tally["lost", default: 0] += 1
        case let verdict: Issue.record("round \(round), \(task): \(verdict)")
        }
      }
      #expect(fixture.survivors.isEmpty, "round \(round)")
    }
    #expect(tally.keys.sorted() == ["ended", "lost", "never"], "the kills met only \(tally)")
  }
}

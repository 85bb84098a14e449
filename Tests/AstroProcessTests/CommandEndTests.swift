import AstroCore
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// How commands end, and that nothing of them is left: neither after TERM and KILL nor after a normal end.
@Suite(.serialized) struct CommandEndTests {
  @Test func termEndsTheWholeGroup() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    try fixture.start([fixture.script("a", "sleep 1000 & sleep 1000 & echo up > $DIR/up; wait")])
    #expect(try fixture.line(up) == "up")
    #expect(fixture.survivors.count == 3)
    try fixture.signal("a", SIGTERM)
    guard case .ended(let record) = try fixture.answer(fixture.key("a")) else {
      Issue.record("refused")
      return
    }
    #expect(record.status == .signalled(SIGTERM))
    #expect(fixture.remaining().isEmpty)
  }

  @Test func aCommandMayEndInItsOwnWayAtTerm() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    try fixture.start([
      fixture.script("a", "trap 'echo tidy; exit 42' TERM; echo up > $DIR/up; while :; do sleep 0.01; done")
    ])
    #expect(try fixture.line(up) == "up")
    try fixture.signal("a", SIGTERM)
    guard case .ended(let record) = try fixture.answer(fixture.key("a")) else {
      Issue.record("refused")
      return
    }
    #expect(record.status == .exited(42))
    #expect(try fixture.read(record.stdout) == Data("tidy\n".utf8))
  }

  @Test func killEndsWhatIgnoresTerm() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    try fixture.start([
      fixture.script(
        "a",
        """
        trap '' TERM; trap : USR1
        (trap 'echo still > $DIR/up' USR1; echo up > $DIR/up; while :; do sleep 0.01; done)
        """)
    ])
    #expect(try fixture.line(up) == "up")
    try fixture.signal("a", SIGTERM)
    try fixture.signal("a", SIGUSR1)
    #expect(try fixture.line(up) == "still", "the signal after TERM is answered, so TERM ended nothing")
    try fixture.signal("a", SIGKILL)
    guard case .ended(let record) = try fixture.answer(fixture.key("a")) else {
      Issue.record("refused")
      return
    }
    #expect(record.status == .signalled(SIGKILL))
    #expect(fixture.remaining().isEmpty)
  }

  @Test func aSignalForAnAttemptThatIsOverOrUnknownDoesNothing() throws {
    let fixture = try WardenFixture()
    _ = try fixture.record(fixture.request("a", ["/bin/true"]))
    try fixture.signal("a", SIGKILL)
    try fixture.signal("never", SIGKILL)
    #expect(try fixture.record(fixture.request("b", ["/bin/true"])).status == .exited(0))
  }

  /// R24: a background process that keeps standard output open delays neither the end nor the record.
  @Test(arguments: ["sleep 1000 & exit 0", "setsid sleep 1000 & exit 0", "(setsid nohup sleep 1000 &) & exit 0"])
  func aHolderOfStandardOutputDelaysNothing(script: String) throws {
    let fixture = try WardenFixture()
    let record = try fixture.record(fixture.script("a", "echo said; \(script)"))
    #expect(record.status == .exited(0))
    #expect(try fixture.read(record.stdout) == Data("said\n".utf8))
    #expect(fixture.remaining().isEmpty)
  }

  /// Where there are no control groups, a process that dropped the attempt's variables lives on.
  @Test func whatDroppedTheVariablesMayLiveButItsWordsGoToNoOtherAttempt() throws {
    let fixture = try WardenFixture(wrapper: ControlGroupTests.Machine.none.wrapper)
    let (gate, up) = (NamedPipe(fixture.path("gate")), NamedPipe(fixture.path("up")))
    let relay = NamedPipe(fixture.path("relay"))
    let first = try fixture.record(
      fixture.script(
        "a",
        """
        env -u ASTRO_TASK_ID setsid sh -c 'echo $$ > $DIR/up; read l < $DIR/gate; echo late; echo done > $DIR/up' &
        read pid < $DIR/up; echo $pid > $DIR/relay; exit 0
        """))
    #expect(first.stdout == nil)
    #expect(try Int32(fixture.line(relay)) != nil)
    for number in 0..<5 {
      let next = try fixture.record(fixture.script("b\(number)", number == 2 ? "echo go > $DIR/gate" : "exit 0"))
      #expect(next.stdout == nil)
      if number == 2 { #expect(try fixture.line(up) == "done") }
    }
    #expect(try fixture.output("c", "echo mine") == "mine")
    withExtendedLifetime(gate) {}
  }

  // MARK: Twenty-two ways to leave a process behind

  /// Each starts `$D`, once, in the background; `$D` tells its pid and then never ends by itself.
  static let shapes: [(name: String, script: String)] = [
    ("a child", "$D &"),
    ("a pipeline", "$D | cat &"),
    ("a child of a child", "(sh -c '$D & wait') &"),
    ("nohup", "nohup $D >/dev/null 2>&1 &"),
    ("two forks", "( ( $D & ) & )"),
    ("TERM ignored", "trap '' TERM; $D &"),
    ("all signals ignored", "(trap '' HUP INT QUIT PIPE TERM USR1 USR2; exec $D) &"),
    ("a group of its own by job control", "set -m; $D & set +m"),
    ("a group of its own by setpgrp", "perl -e 'setpgrp(0, 0); exec $ENV{D}' &"),
    ("timeout, which makes a group", "timeout 1000 $D &"),
    ("a session", "setsid $D &"),
    ("a session by a forking setsid", "setsid -f $D"),
    ("a session and TERM ignored", "(trap '' HUP TERM; exec setsid $D) &"),
    ("a session with a child", "setsid sh -c '$D & wait' &"),
    ("a daemon", "(setsid sh -c '$D &' &)"),
    ("a daemon in perl", "perl -MPOSIX -e 'fork and exit; setsid; fork and exit; chdir \"/\"; exec $ENV{D}'"),
    ("a daemon with all files closed", "setsid sh -c '$D <&- >&- 2>&- &' &"),
    ("sessions in sessions", "setsid sh -c 'setsid sh -c \"setsid \\$D & wait\" & wait' &"),
    ("sessions whose parents have gone", "setsid sh -c 'setsid sh -c \"setsid \\$D &\" &' &"),
    ("a stopped child", "sh -c '$D & kill -STOP $$' &"),
    ("a stopped session", "setsid sh -c '$D & kill -STOP $$' &"),
    ("no environment but in the group", "env -i DIR=$DIR $D &"),
  ]

  private static let repeatedShapes = Array(repeating: shapes, count: Torture.factor).flatMap { $0 }

  private func fixtureWithShapes() throws -> (WardenFixture, NamedPipe, NamedPipe) {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    let relay = NamedPipe(fixture.path("relay"))
    let daemon = "#!/bin/sh\necho $$ > $DIR/up\nwhile :; do sleep 1000; done\n"
    try Data(daemon.utf8).write(to: URL(fileURLWithPath: fixture.path("d")))
    chmod(fixture.path("d"), 0o755)
    return (fixture, up, relay)
  }

  private func script(_ shape: String, then rest: String) -> String {
    "export D=$DIR/d; \(shape)\nread pid < $DIR/up; echo $pid > $DIR/relay; \(rest)"
  }

  /// A process that was told of by its pid, and whether that very process is still there.
  private func identity(_ line: String) throws -> ProcessIdentity {
    let pid = try #require(Int32(line))
    return ProcessIdentity(
      pid: pid, startTime: ProcessStatus(pid: pid)?.startTime ?? 0,
      bootID: try #require(ProcessIdentity.currentBootID()))
  }

  @Test func afterKillNothingIsLeftOfAnyShape() throws {
    let (fixture, up, relay) = try fixtureWithShapes()
    for (number, shape) in Self.repeatedShapes.enumerated() {
      let task = "kill-\(number)"
      try fixture.start([fixture.script(task, script(shape.script, then: "while :; do sleep 1000; done"))])
      let left = try identity(fixture.line(relay))
      #expect(left.exists, "\(shape.name): it was not there to be killed")
      try fixture.signal(task, SIGTERM)
      try fixture.signal(task, SIGKILL)
      _ = try fixture.answer(fixture.key(task))
      #expect(fixture.remaining().isEmpty, "\(shape.name)")
      #expect(Watched(left.pid).waitForEnd() || !left.exists, "\(shape.name)")
    }
    withExtendedLifetime(up) {}
  }

  @Test func afterANormalEndNothingIsLeftOfAnyShape() throws {
    let (fixture, up, relay) = try fixtureWithShapes()
    for (number, shape) in Self.repeatedShapes.enumerated() {
      let task = "end-\(number)"
      let record = try fixture.record(fixture.script(task, script(shape.script, then: "exit 3")))
      #expect(record.status == .exited(3), "\(shape.name)")
      let left = try #require(Int32(try fixture.line(relay)))
      #expect(fixture.remaining().isEmpty, "\(shape.name)")
      #expect(Watched(left).waitForEnd(), "\(shape.name)")
    }
    withExtendedLifetime(up) {}
  }

  /// What a running attempt has sent into the background is not swept when another attempt ends.
  @Test func theEndOfOneAttemptLeavesTheDaemonsOfAnotherAlone() throws {
    let (fixture, up, relay) = try fixtureWithShapes()
    try fixture.start([fixture.script("long", script("setsid -f $D", then: "sleep 1000"))])
    let daemon = try identity(fixture.line(relay))
    for number in 0..<5 {
      _ = try fixture.record(fixture.script("t\(number)", "setsid -f sleep 1000"))
      #expect(daemon.exists)
    }
    try fixture.signal("long", SIGKILL)
    _ = try fixture.answer(fixture.key("long"))
    #expect(fixture.remaining().isEmpty)
    withExtendedLifetime(up) {}
  }

  /// The warden stays until the last generation is reaped, or the grandchildren of a daemon would go to init.
  @Test func aWardenWithoutARunnerLeavesNothingBehindEither() throws {
    let (fixture, up, relay) = try fixtureWithShapes()
    let gate = NamedPipe(fixture.path("gate"))
    for (number, shape) in Self.shapes.enumerated() {
      try fixture.start([fixture.script("t\(number)", script(shape.script, then: "read l < $DIR/gate; exit 0"))])
      _ = try fixture.line(relay)
    }
    fixture.dropRunner()
    for _ in Self.shapes { gate.tell("go") }
    try fixture.awaitWardenEnd()
    #expect(fixture.survivors.isEmpty)
    #expect(try fixture.survey().ended.count == Self.shapes.count)
    withExtendedLifetime(up) {}
  }
}

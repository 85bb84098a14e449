import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// Where a runner stands, read from what /proc says of several machines.
@Suite struct ControlGroupPlacesTests {
  @Test func onAMachineWithVersionTwoOnly() {
    let places = ControlGroupPlaces(
      groups: "0::/system.slice/astro-watch.service/runner\n",
      mounts: "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
    #expect(places.unified == "/sys/fs/cgroup/system.slice/astro-watch.service/runner")
    #expect(places.parent == "/sys/fs/cgroup/system.slice/astro-watch.service")
    #expect(places.legacy.isEmpty)
  }

  @Test func onAMachineWithBoth() {
    let places = ControlGroupPlaces(
      groups: "7:cpu,cpuacct:/\n4:memory:/user/a\n1:name=systemd:/\n0::/\n",
      mounts: """
        31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:1 master:2 - cgroup cgroup rw,memory
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw

        """)
    #expect(places.unified == "/sys/fs/cgroup/unified")
    #expect(places.parent == nil)
    #expect(places.legacy["cpu"] == "/sys/fs/cgroup/cpu")
    #expect(places.legacy["memory"] == "/sys/fs/cgroup/memory/user/a")
  }

  @Test func inAContainerThatSeesAPartOfTheTree() {
    func places(_ group: String) -> ControlGroupPlaces {
      ControlGroupPlaces(groups: "0::\(group)\n", mounts: "1 1 0:1 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n")
    }
    #expect(places("/docker/x").unified == "/sys/fs/cgroup")
    #expect(places("/docker/x").parent == nil)
    #expect(places("/docker/x/y").unified == "/sys/fs/cgroup/y")
    #expect(places("/docker/xy").unified == nil, "another container's")
    #expect(places("/").unified == nil, "outside of what is mounted")
  }

  @Test(arguments: ["", "x\n", "0::\n", "30 24 0:26 /\n", "1 1 1 / /m rw - cgroup2\n", "- - - - - - - - -\n"])
  func whatIsNotAsTheManualSaysIsNoPlace(text: String) {
    let places = ControlGroupPlaces(groups: text, mounts: text)
    #expect(places.unified == nil)
    #expect(places.legacy.isEmpty)
  }
}

/// What attempts leave is found by their control groups, with both versions, and without any (R23). A warden without one of
/// them runs where that one is not mounted.
@Suite(.serialized) struct ControlGroupTests {
  /// What is not mounted where the warden runs.
  enum Machine: CaseIterable {
    case both, versionOneOnly, none

    var wrapper: [String] {
      switch self {
      case .both: []
      case .versionOneOnly: Self.without("umount -l /sys/fs/cgroup/unified")
      case .none: Self.without("umount -lR /sys/fs/cgroup")
      }
    }

    private static func without(_ command: String) -> [String] {
      ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", "\(command); exec \"$0\" \"$@\""]
    }
  }

  /// Ways out that leave neither the process group nor anything in the environment to be found by.
  static let shapes: [(name: String, script: String)] = [
    ("a service without the variables", "env -i DIR=$DIR setsid $D &"),
    ("a daemon without the variables", "env -i DIR=$DIR setsid sh -c '(setsid '$D' &)' &"),
    ("a daemon that dropped one of them", "env -u ASTRO_TASK_ID setsid -f $D"),
    (
      "a stopped one without the variables",
      "env -i DIR=$DIR setsid sh -c 'kill -STOP $$; exec '$D & echo stopped > $DIR/up"
    ),
  ]

  private func fixture(_ machine: Machine) throws -> (WardenFixture, NamedPipe, NamedPipe) {
    let fixture = try WardenFixture(wrapper: machine.wrapper)
    let (up, relay) = (NamedPipe(fixture.path("up")), NamedPipe(fixture.path("relay")))
    let daemon = "#!/bin/sh\necho $$ > \(fixture.path("up"))\nwhile :; do sleep 1000; done\n"
    try Data(daemon.utf8).write(to: URL(fileURLWithPath: fixture.path("d")))
    chmod(fixture.path("d"), 0o755)
    return (fixture, up, relay)
  }

  private func script(_ shape: String, then rest: String) -> String {
    "export D=$DIR/d; \(shape)\nread pid < $DIR/up; echo $pid > $DIR/relay; \(rest)"
  }

  /// R23: also what cannot be recognised by anything else.
  @Test(arguments: [Machine.both, .versionOneOnly]) func nothingIsLeftOfWhatCannotBeRecognised(machine: Machine) throws
  {
    let (fixture, up, relay) = try fixture(machine)
    for (number, shape) in Self.shapes.enumerated() {
      for end in ["exit 3", "kill -9 $$"] {
        let task = "t\(number)-\(end.prefix(4))"
        try fixture.start([fixture.script(task, script(shape.script, then: end))])
        let line = try fixture.line(relay)
        guard case .ended = try fixture.answer(fixture.key(task)) else { throw WardenFixture.Stuck(what: shape.name) }
        if let pid = Int32(line) { #expect(Watched(pid).waitForEnd(), "\(shape.name), \(end)") }
      }
    }
    let group = try #require(try group(of: fixture))
    fixture.dropRunner()
    try fixture.awaitWardenEnd()
    #expect(access(group, F_OK) != 0, "the group of the runner is left")
    withExtendedLifetime(up) {}
  }

  /// R23: the twenty-two shapes, with each kind of machine.
  @Test(arguments: Machine.allCases) func afterAnEndNothingIsLeftOfAnyShape(machine: Machine) throws {
    let (fixture, up, relay) = try fixture(machine)
    for (number, shape) in CommandEndTests.shapes.enumerated() {
      let record = try fixture.record(fixture.script("t\(number)", script(shape.script, then: "exit 3")))
      #expect(record.status == .exited(3), "\(shape.name)")
      let left = try #require(Int32(try fixture.line(relay)))
      #expect(fixture.remaining().isEmpty, "\(shape.name)")
      #expect(Watched(left).waitForEnd(), "\(shape.name)")
    }
    withExtendedLifetime(up) {}
  }

  /// The control of the tests above: where there are no groups, one that dropped the variables lives on.
  @Test func withoutGroupsWhatCannotBeRecognisedLives() throws {
    let (fixture, up, relay) = try fixture(.none)
    _ = try fixture.record(fixture.script("a", script(Self.shapes[0].script, then: "exit 3")))
    let left = try #require(Int32(try fixture.line(relay)))
    let status = ProcessStatus(pid: left)
    #expect(status?.isEnding == false)
    kill(left, SIGKILL)
    withExtendedLifetime(up) {}
  }

  /// What the record of the warden names, with the directory that is there.
  private func group(of fixture: WardenFixture) throws -> String? {
    let record = try String(contentsOfFile: fixture.files.groups, encoding: .utf8)
    return record.split(separator: "\n").map(String.init).first { access($0, F_OK) == 0 }
  }

  /// R2: after the warden's death the group tells what a lost attempt has left, also what has no variables.
  @Test func whatALostAttemptLeftIsFoundByItsGroup() throws {
    let (fixture, up, relay) = try fixture(.both)
    try fixture.start([fixture.script("a", script(Self.shapes[0].script, then: "sleep 1000"))])
    let daemon = try #require(Int32(try fixture.line(relay)))
    fixture.dropRunner()
    try fixture.killWarden()
    guard case .lost(let command?) = try fixture.survey().verdict(fixture.key("a")) else {
      Issue.record("it is not lost")
      return
    }
    #expect(command.group != nil)
    #expect(
      ProcessTree.kill(fixture.key("a"), home: fixture.directory.path, identity: command.identity, group: command.group)
        == .proved)
    #expect(Watched(daemon).waitForEnd())
    try fixture.files.remove()
    #expect(access(try #require(command.group), F_OK) != 0, "the group of a dead warden is left")
    withExtendedLifetime(up) {}
  }

  /// As a container's filter of system calls does it: the machine then counts as one without groups.
  @Test func whereNobodyCanBeBornIntoAGroupCommandsRunWithoutOne() throws {
    let fixture = try WardenFixture(
      wrapper: ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=clone3:error=ENOSYS"])
    let root = "cat /proc/self/cgroup | grep -c /astro-; true"
    #expect(try fixture.output("a", root) == "0")
    #expect(try fixture.output("b", root) == "0")
    #expect(try group(of: fixture) == nil)
  }

  private func isInGroup(_ task: String, _ fixture: WardenFixture) throws -> Bool {
    try fixture.output(task, "cat /proc/self/cgroup | grep -c /astro-; true") != "0"
  }

  /// No more groups are given out then, and those in use stay until their attempts have ended.
  @Test func aStartThatIsRefusedForItsGroupEndsNoOther() throws {
    let fixture = try WardenFixture(
      wrapper: ["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=clone3:error=EBUSY:when=2+"])
    let (up, gate) = (NamedPipe(fixture.path("up")), NamedPipe(fixture.path("gate")))
    try fixture.start([fixture.script("first", "echo up > $DIR/up; read line < $DIR/gate; exit 3")])
    #expect(try fixture.line(up) == "up")
    #expect(try !isInGroup("second", fixture))
    let group = try #require(try group(of: fixture))
    gate.tell("go")
    guard case .ended(let record) = try fixture.answer(fixture.key("first")) else {
      throw WardenFixture.Stuck(what: "first")
    }
    #expect(record.status == .exited(3))
    fixture.dropRunner()
    try fixture.awaitWardenEnd()
    #expect(access(group, F_OK) != 0, "the group of the runner is left")
  }

  @Test func aGroupThatSomebodyRemovedIsNotTheLast() throws {
    let fixture = try WardenFixture()
    _ = try fixture.record(fixture.request("before", ["/bin/true"]))
    let group = try #require(try group(of: fixture))
    try #require(rmdir(group + "/1") == 0)
    #expect(try isInGroup("after", fixture))
    #expect(Listing.readable(in: group).filter { Int($0) != nil } == ["2"])
  }

  @Test(arguments: [EAGAIN, ENOMEM, EMFILE, ENFILE]) func whatIsShortForTheMomentSaysNothingOfGroups(number: Int32) {
    #expect(!SpawnFailure(step: .clone, errno: number).isOfGroup)
  }

  /// A start makes no directory: a hundred commands one after the other share one group.
  @Test func groupsAreUsedAgain() throws {
    let fixture = try WardenFixture()
    for number in 0..<100 { _ = try fixture.record(fixture.request("t\(number)", ["/bin/true"])) }
    let group = try #require(try group(of: fixture))
    #expect(Listing.readable(in: group).filter { Int($0) != nil } == ["1"])
  }

  /// R37: an attempt that needs more memory than it may have is ended, and its record says why.
  @Test func anAttemptThatUsesUpItsMemorySaysSo() throws {
    let fixture = try WardenFixture()
    var hog = fixture.script("hog", "exec perl -e '$x = \"x\" x (256 << 20); sleep 1000'")
    hog.confinement.memory = 64 << 20
    let record = try fixture.record(hog)
    #expect(record.status == .signalled(SIGKILL))
    #expect(record.ranOutOfMemory)
    #expect((32 << 10...64 << 10).contains(record.usage.peakKiB), "\(record.usage.peakKiB) KiB")
    var modest = fixture.script("modest", "exec perl -e '$x = \"x\" x (16 << 20)'")
    modest.confinement.memory = 64 << 20
    let other = try fixture.record(modest)
    #expect(other.status == .exited(0))
    #expect(!other.ranOutOfMemory)
    #expect((16 << 10...64 << 10).contains(other.usage.peakKiB), "\(other.usage.peakKiB) KiB")
  }

  /// R37: all of them together, and no other attempt.
  @Test func anAttemptHasNoMoreProcessesThanItMay() throws {
    let fixture = try WardenFixture()
    let script = "n=0; while [ $n -lt 20 ]; do sleep 1000 & n=$((n + 1)); echo $n; done"
    var request = fixture.script("a", script)
    request.confinement.processes = 8
    let record = try fixture.record(request)
    #expect(record.status == .exited(2))
    #expect(String(decoding: try fixture.read(record.stdout), as: UTF8.self).hasSuffix("\n7\n"))
    #expect(String(decoding: try fixture.read(record.stderr), as: UTF8.self).contains("Cannot fork"))
    #expect(try fixture.record(fixture.script("b", script)).status == .exited(0))
    #expect(fixture.remaining().isEmpty)
  }

  @Test func withoutGroupsProcessesAreLimitedForTheUser() throws {
    let fixture = try WardenFixture(wrapper: Machine.none.wrapper)
    for user: UInt32? in [nil, 61_238] {
      var request = fixture.script("a\(user ?? 0)", "grep processes /proc/self/limits | tr -s ' '")
      request.confinement.processes = 77
      request.confinement.user = user.map { Confinement.UserNumbers(uid: $0, gid: $0, groups: []) }
      let record = try fixture.record(request)
      #expect(try fixture.read(record.stdout) == Data("Max processes 77 77 processes \n".utf8))
    }
  }

  @Test func withoutGroupsMemoryIsLimitedForEachProcess() throws {
    let fixture = try WardenFixture(wrapper: Machine.none.wrapper)
    var request = fixture.script("a", "ulimit -v")
    request.confinement.memory = 512 << 20
    let record = try fixture.record(request)
    #expect(try fixture.read(record.stdout) == Data("524288\n".utf8))
  }

  /// Half a processor: a command that computes for a tenth of a second takes at least a fifth.
  @Test func anAttemptHasNoMoreProcessorsThanItMay() throws {
    let fixture = try WardenFixture()
    var request = fixture.script(
      "a", "exec perl -e 'my $t = 0; while ($t < 0.4) { my @t = times; $t = $t[0] + $t[1] }'")
    request.confinement.cpus = 0.5
    let record = try fixture.record(request)
    #expect(record.status == .exited(0))
    #expect(record.duration >= .milliseconds(600), "\(record.duration)")
  }

  /// R37: a fork bomb ends with its attempt, and the warden answers others meanwhile.
  @Test func aForkBombEndsAndHoldsNobodyUp() throws {
    let fixture = try WardenFixture()
    let up = NamedPipe(fixture.path("up"))
    var bomb = fixture.script("bomb", "echo up > $DIR/up; b() { b | b & }; b; sleep 1000")
    bomb.confinement.memory = 48 << 20
    bomb.confinement.cpus = 0.5
    try fixture.start([bomb])
    #expect(try fixture.line(up) == "up")
    for number in 0..<5 {
      #expect(try fixture.record(fixture.request("t\(number)", ["/bin/true"])).status == .exited(0))
    }
    try fixture.signal("bomb", SIGKILL)
    _ = try fixture.answer(fixture.key("bomb"))
    #expect(fixture.remaining().isEmpty)
  }
}

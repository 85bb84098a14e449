import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroProcess

/// What a command finds when it starts, and what is recorded when it ends, under the real warden.
@Suite(.serialized) struct CommandStartTests {
  @Test func everyExitCodeIsRecordedAsItWas() throws {
    let fixture = try WardenFixture()
    try fixture.start((0...255).map { fixture.script("code-\($0)", "exit \($0)") })
    for code in 0...255 {
      guard case .ended(let record) = try fixture.answer(fixture.key("code-\(code)")) else {
        Issue.record("\(code) was not started")
        continue
      }
      #expect(record.status == .exited(Int32(code)))
    }
  }

  @Test func everySignalThatEndsACommandIsRecordedAsItWas() throws {
    let fixture = try WardenFixture()
    let signals = Array(1...15) + [24, 25, 31, 34, 64]
    for number in signals {
      let record = try fixture.record(fixture.script("signal-\(number)", "ulimit -c 0; kill -\(number) $$"))
      #expect(record.status == .signalled(Int32(number)))
    }
  }

  @Test func whatItIsGivenToReadIsReadTwiceAndCannotBeChanged() throws {
    let fixture = try WardenFixture()
    let given = String(repeating: "0123456789abcdef", count: 1 << 16)
    var request = fixture.script(
      "reader",
      "cat | cksum; cat /dev/stdin | cksum; (echo x >> /dev/stdin) 2>/dev/null || echo refused; readlink /proc/self/fd/0 >&2"
    )
    request.input = given
    let record = try fixture.record(request)
    let printed = try String(contentsOfFile: #require(record.stdout), encoding: .utf8).split(separator: "\n")
    #expect(printed.count == 3)
    #expect(printed.first?.hasSuffix(" \(given.utf8.count)") == true)
    #expect(printed.first == printed.dropFirst().first)
    #expect(printed.last == "refused")
    // Whoever is given nothing reads nothing.
    let idle = try fixture.record(fixture.script("idle", "test -z \"$(cat)\" && test /dev/null -ef /dev/stdin"))
    #expect(idle.status == .exited(0))
  }

  /// 128 + n is how a shell tells of a signal; it is an exit code all the same.
  @Test func aShellThatReportsASignalOfItsChildHasExited() throws {
    let fixture = try WardenFixture()
    #expect(try fixture.record(fixture.script("a", "sh -c 'kill -9 $$'; exit $?")).status == .exited(137))
  }

  @Test func usageIsThatOfTheCommandAndTheChildrenItWaitedFor() throws {
    let fixture = try WardenFixture()
    let idle = try fixture.record(fixture.request("idle", ["/bin/true"]))
    let busy = try fixture.record(fixture.script("busy", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"))
    let large = try fixture.record(
      fixture.script(
        "large", "head -c 64m /dev/zero | tail -c 1 >/dev/null; head -c 64m /dev/zero | tail -n 1 >/dev/null"))
    #expect(busy.usage.userMicroseconds > 5 * idle.usage.userMicroseconds)
    #expect(busy.usage.userMicroseconds + busy.usage.systemMicroseconds <= busy.duration.microseconds + 20_000)
    #expect((200..<60 << 10).contains(idle.usage.peakKiB))
    #expect((64 << 10..<200 << 10).contains(large.usage.peakKiB))
    for record in [idle, busy, large] {
      #expect(record.startedAt <= record.finishedAt)
      #expect(record.duration > .zero)
      #expect(record.usage.systemMicroseconds >= 0)
    }
  }

  @Test func tenMegabytesOnEachStreamArriveCompleteAndApart() throws {
    let fixture = try WardenFixture()
    let record = try fixture.record(
      fixture.script("loud", "yes out | head -c 10000000 & yes error | head -c 10000000 >&2; wait"))
    #expect(record.status == .exited(0))
    for (scratch, word) in [(record.stdout, "out\n"), (record.stderr, "error\n")] {
      let expected = Data(String(repeating: word, count: 10_000_000 / word.utf8.count + 1).utf8.prefix(10_000_000))
      #expect(try fixture.read(scratch) == expected)
    }
  }

  @Test func outputOfEveryShapeIsKeptByteForByte() throws {
    let fixture = try WardenFixture()
    let only = try fixture.record(fixture.script("error-only", #"printf 'a\000b\377\r\n' >&2"#))
    #expect(only.stdout == nil)
    #expect(try fixture.read(only.stderr) == Data([0x61, 0, 0x62, 0xFF, 0x0D, 0x0A]))
    let killed = try fixture.record(fixture.script("killed", "printf x; kill -9 $$"))
    #expect(try fixture.read(killed.stdout) == Data("x".utf8))
    let both = try fixture.record(fixture.script("both", "echo 1; exec 2>&1; echo 2 >&2; echo 3"))
    #expect(try fixture.read(both.stdout) == Data("1\n2\n3\n".utf8))
    let truncated = try fixture.record(fixture.script("truncated", "echo abcdef; : > /proc/self/fd/1; echo g"))
    #expect(try fixture.read(truncated.stdout) == Data("g\n".utf8))
  }

  @Test func commandsThatPrintNothingShareTwoFilesAndLeaveNone() throws {
    let fixture = try WardenFixture()
    for number in 0..<20 {
      let record = try fixture.record(fixture.request("silent-\(number)", ["/bin/true"]))
      #expect(record.stdout == nil)
      #expect(record.stderr == nil)
    }
    let scratch = try fixture.files.scratchDirectory
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch).sorted() == ["r1-1.err", "r1-1.out"])
    fixture.dropRunner()
    try fixture.awaitWardenEnd()
    try fixture.files.remove()
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch).isEmpty)
  }

  @Test func filesForOutputThatSomebodyRemovedAreMadeAnew() throws {
    let fixture = try WardenFixture()
    _ = try fixture.record(fixture.request("before", ["/bin/true"]))
    let scratch = try fixture.files.scratchDirectory
    for name in try FileManager.default.contentsOfDirectory(atPath: scratch) { unlink("\(scratch)/\(name)") }
    #expect(
      try fixture.run(fixture.request("at", ["/bin/true"]))
        == .refused("somebody removed the file for its output: \(scratch)/r1-1.out", infrastructure: true))
    let after = try fixture.record(fixture.script("after", "echo here"))
    #expect(try fixture.read(after.stdout) == Data("here\n".utf8))
  }

  @Test func theEnvironmentIsExactlyWhatWasAsked() throws {
    let fixture = try WardenFixture()
    let asked = ["A=", "B=b=c", "C=two\nlines", "D=Grüße", "ASTRO_TASK_ID=x"]
    let record = try fixture.record(
      StartRequest(key: fixture.key("x"), arguments: ["/usr/bin/env", "-0"], environment: asked, workdir: "/"))
    let printed = try fixture.read(record.stdout).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    #expect(printed == asked)
  }

  @Test func argumentsArriveByteForByte() throws {
    let fixture = try WardenFixture()
    let words = [
      "", " ", "a b", "*", "$HOME", "`id`", "\"", "'", "\\", "\n", "-rf", "ü", String(repeating: "x", count: 100_000),
    ]
    let record = try fixture.record(fixture.request("a", ["/usr/bin/printf", #"%s\0"#] + words))
    let printed = try fixture.read(record.stdout).split(separator: 0, omittingEmptySubsequences: false)
    #expect(printed.dropLast().map { String(decoding: $0, as: UTF8.self) } == words)
  }

  @Test func noDescriptorButTheThreeStreamsIsOpen() throws {
    let leak = open("/etc/passwd", O_RDONLY)  // Without O_CLOEXEC, as a careless library opens it in the runner.
    defer { close(leak) }
    let fixture = try WardenFixture()
    // The fourth is the listing's own.
    #expect(try fixture.output("a", "exec ls -1 /proc/self/fd").split(separator: "\n") == ["0", "1", "2", "3"])
    let links = try fixture.output("b", "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; exit 0")
    let scratch = try fixture.files.scratchDirectory
    #expect(links.split(separator: "\n").first == "/dev/null")
    #expect(links.split(separator: "\n").dropFirst().allSatisfy { $0.hasPrefix(scratch) })
  }

  @Test func standardInputIsAtItsEnd() throws {
    let fixture = try WardenFixture()
    #expect(try fixture.output("a", "cat | wc -c") == "0")
  }

  /// The warden blocks all signals and may have been started by a runner that ignored some.
  @Test func noSignalIsBlockedOrIgnored() throws {
    let fixture = try WardenFixture(wrapper: ["/bin/sh", "-c", "trap '' PIPE HUP INT TERM USR1; exec \"$0\" \"$@\""])
    let record = try fixture.record(
      fixture.request("a", ["/bin/grep", "-E", "^Sig(Blk|Ign|Pnd):", "/proc/self/status"]))
    let zero = String(repeating: "0", count: 16)
    let printed = String(decoding: try fixture.read(record.stdout), as: UTF8.self)
    #expect(
      printed == "SigPnd:\t\(zero)\nSigBlk:\t\(zero)\nSigIgn:\t\(zero)\n")
    #expect(
      try fixture.record(fixture.script("pipe", "yes | head -c 1 >/dev/null; kill -PIPE $$")).status == .signalled(13))
  }

  @Test func aCommandLeadsAGroupOfItsOwnInTheWardensSession() throws {
    let fixture = try WardenFixture()
    let fields = try fixture.output("a", "exec cat /proc/self/stat").split(separator: " ")
    #expect(fields[0] == fields[4])
    #expect(fields[5] == String(describing: try #require(fixture.wardenPID)))
    #expect(fields[3] == fields[5])
    #expect(fields[6] == "0", "it has a controlling terminal")
  }

  @Test func theWorkingDirectoryAndTheUmaskAreTheRunners() throws {
    let fixture = try WardenFixture()
    let place = fixture.path("a dir")
    mkdir(place, 0o700)
    let record = try fixture.record(fixture.request("a", ["/bin/pwd"], workdir: place))
    #expect(try fixture.read(record.stdout) == Data("\(place)\n".utf8))
    let own = try #require(Processes.status(getpid(), "Umask"))
    #expect(try fixture.output("b", "grep Umask /proc/self/status") == "Umask:\t\(own)")
  }

  @Test func aRelativeProgramIsTakenFromTheWorkingDirectory() throws {
    let fixture = try WardenFixture()
    try write("#!/bin/sh\necho here\n", to: fixture.path("tool"), mode: 0o755)
    let record = try fixture.record(fixture.request("a", ["./tool"], workdir: fixture.directory.path))
    #expect(try fixture.read(record.stdout) == Data("here\n".utf8))
  }

  // MARK: What cannot be started

  private func write(_ text: String, to path: String, mode: mode_t) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    chmod(path, mode)
  }

  @Test func whatCannotBeStartedSaysWhy() throws {
    let fixture = try WardenFixture()
    let home = fixture.directory.path
    try write("echo\n", to: fixture.path("plain"), mode: 0o644)
    try write("echo\n", to: fixture.path("bare"), mode: 0o755)
    try write("", to: fixture.path("empty"), mode: 0o755)
    try write("#!/bin/sh\r\necho\r\n", to: fixture.path("dos"), mode: 0o755)
    try write("#! /no/such/sh -e\n", to: fixture.path("bad"), mode: 0o755)
    try write("#!\(home)/plain\n", to: fixture.path("odd"), mode: 0o755)
    try write("#!\(home)/loop\n", to: fixture.path("loop"), mode: 0o755)
    symlink("\(home)/circle", fixture.path("circle"))
    mkfifo(fixture.path("fifo"), 0o755)
    let cases: [([String], String, String)] = [
      (["/no/such"], "/", "no such program: /no/such"),
      (["\(home)/plain/x"], "/", "no such program: \(home)/plain/x"),
      (["./none"], home, "no such program: ./none"),
      (["\(home)/plain"], "/", "the program is not executable: \(home)/plain"),
      ([home], "/", "the program is a directory: \(home)"),
      (["\(home)/fifo"], "/", "the program is no regular file: \(home)/fifo"),
      (["\(home)/bare"], "/", "the program has no known format and no #! line: \(home)/bare"),
      (["\(home)/empty"], "/", "the program has no known format and no #! line: \(home)/empty"),
      (["./bad"], home, "the interpreter '/no/such/sh' of the program does not exist: ./bad"),
      (
        ["\(home)/dos"], "/",
        #"the first line of the program ends in CR LF, so that its interpreter would be '/bin/sh\r': \#(home)/dos"#
      ),
      (["\(home)/odd"], "/", "the interpreter '\(home)/plain' of the program is not executable: \(home)/odd"),
      (["\(home)/loop"], "/", "cannot run the program: \(home)/loop: Too many levels of symbolic links"),
      (["\(home)/circle"], "/", "cannot run the program: \(home)/circle: Too many levels of symbolic links"),
      (["/bin/true"], "/no/such", "workdir does not exist: /no/such"),
      (["/no/such"], "\(home)/plain", "workdir is not a directory: \(home)/plain"),
      (["/bin/true"], "\(home)/plain/x", "workdir does not exist: \(home)/plain/x"),
      (
        ["/bin/echo", "x", String(repeating: "x", count: 131_072)], "/",
        "argument 2 is too long: 131072 bytes, the kernel takes 131071"
      ),
      (
        ["/bin/echo"] + Array(repeating: String(repeating: "x", count: 100_000), count: 30), "/",
        "arguments and environment are too large for the kernel: \(10 + 30 * 100_001 + 14) bytes"
      ),
    ]
    for (number, (arguments, workdir, reason)) in cases.enumerated() {
      let request = StartRequest(
        key: fixture.key("t\(number)"), arguments: arguments, environment: ["SECRET=s3cret"], workdir: workdir)
      #expect(try fixture.run(request) == .refused(reason, infrastructure: false))
    }
    let secret = String(repeating: "s", count: 140_000)
    #expect(
      try fixture.run(fixture.request("env", ["/bin/true"], environment: ["TOKEN=\(secret)"]))
        == .refused(
          "environment variable TOKEN is too long: 140006 bytes with its name, the kernel takes 131071",
          infrastructure: false))
    #expect(try fixture.record(fixture.request("well", ["/bin/true"])).status == .exited(0))
  }

  @Test func aRefusedCommandLeavesNoFileAndTakesNone() throws {
    let fixture = try WardenFixture()
    for number in 0..<10 { _ = try fixture.run(fixture.request("no-\(number)", ["/no/such"])) }
    let scratch = try fixture.files.scratchDirectory
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch).sorted() == ["r1-1.err", "r1-1.out"])
  }

  @Test func theSameAttemptIsNotStartedTwiceAtATime() throws {
    let fixture = try WardenFixture()
    let gate = NamedPipe(fixture.path("gate"))
    let request = fixture.script("a", "read line < $DIR/gate; exit 7")
    try fixture.start([request, request])
    #expect(
      try fixture.answer(request.key) == .refused("this attempt is running already", infrastructure: true))
    gate.tell("go")
    guard case .ended(let record) = try fixture.answer(request.key) else {
      Issue.record("the first one did not end")
      return
    }
    #expect(record.status == .exited(7))
    #expect(try fixture.survey().verdict(request.key) == .ended(record))
  }
}

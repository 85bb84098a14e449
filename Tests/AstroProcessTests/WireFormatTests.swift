import AstroCore
import AstroTestKit
import Testing

@testable import AstroProcess

@Suite struct WireFormatTests {
  private let key = AttemptKey(workflow: WorkflowID(unchecked: "w-1"), task: "täsk", number: 3)

  private func request(_ arguments: [String], _ environment: [String] = [], workdir: String = "/") -> StartRequest {
    StartRequest(key: key, arguments: arguments, environment: environment, workdir: workdir)
  }

  private func bytes(_ request: StartRequest, atEnd end: UInt64? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    WireFormat.start(request, atEnd: end, to: &bytes)
    return bytes
  }

  private struct Seen: Equatable {
    var key: AttemptKey
    var arguments: [String]
    var environment: [String]
    var workdir: String
    var confinement = Confinement()
    var end: UInt64? = 0
    var input = ""
  }

  /// What the warden would run; nil when the bytes are no start.
  private func seen(_ bytes: [UInt8]) -> Seen? {
    bytes.withUnsafeBytes { raw in
      guard case .frame(let frame, let size) = WireFrame.read(raw), size == raw.count,
        let command = CommandSpawner.Command(frame)
      else { return nil }
      func texts(_ list: [UnsafeMutablePointer<CChar>?]) -> [String] {
        list.compactMap { $0.map { String(cString: $0) } }
      }
      #expect(command.arguments.last == .some(nil))
      #expect(command.environment.last == .some(nil))
      return Seen(
        key: frame.key, arguments: texts(command.arguments), environment: texts(command.environment),
        workdir: command.directory, confinement: command.confinement, end: command.end,
        input: String(cString: command.input))
    }
  }

  private func refusal(_ request: StartRequest) -> String? {
    bytes(request).withUnsafeBytes { raw in
      guard case .frame(let frame, _) = WireFrame.read(raw), frame.kind == .refuse else { return nil }
      return frame.text
    }
  }

  @Test func aStartArrivesAsItWasAsked() {
    let numbers = (0..<3000).map { "V\($0)=\($0)" }
    let large = String(repeating: "a", count: 1 << 20)
    let cases: [([String], [String])] = [
      (["/bin/true"], []), (["/bin/echo", "", "a\nb", "tab\t", "Grüße 🜁"], ["A=", "B=c=d", "="]),
      (numbers, numbers), ([large], [large]),
    ]
    for (arguments, environment) in cases {
      let expected = Seen(key: key, arguments: arguments, environment: environment, workdir: "/tmp/ä b")
      #expect(seen(bytes(request(arguments, environment, workdir: "/tmp/ä b"))) == expected)
    }
  }

  @Test func aHeldStartArrivesWithItsTurn() {
    let request = request(["/bin/echo", "7"], ["A=b"])
    for end: UInt64 in [1, 7, .max] {
      #expect(
        seen(bytes(request, atEnd: end))
          == Seen(key: key, arguments: ["/bin/echo", "7"], environment: ["A=b"], workdir: "/", end: end))
    }
    // A start has no turn, and a turn is a number.
    var damaged = bytes(request, atEnd: 7)
    damaged[damaged.count - 2] = UInt8(ascii: "x")
    #expect(seen(damaged)?.end == .some(nil))
    damaged[4] = WireFormat.Kind.start.rawValue
    #expect(seen(damaged) == nil)
  }

  @Test func whatItIsToReadArrives() {
    var request = request(["/bin/cat"], ["A=b"])
    request.input = "{\"with\": \"Grüße\"}\n"
    for end: UInt64? in [nil, 3] {
      #expect(seen(bytes(request, atEnd: end))?.input == request.input)
      #expect(seen(bytes(request, atEnd: end))?.environment == ["A=b"])
    }
    request.input = "a\0b"
    #expect(refusal(request) == "what it is to read holds a NUL byte")
    request.input = String(repeating: "x", count: WireFormat.largestFrame)
    #expect(refusal(request) == "what it is to read is too large: \(WireFormat.largestFrame) bytes")
  }

  @Test(arguments: [[], [27], [27, 1000, .max]]) func aConfinementArrivesAsItWasAsked(groups: [UInt32]) {
    var request = request(["/bin/true"])
    request.confinement.user = .init(uid: 1000, gid: 1001, groups: groups)
    (request.confinement.cpus, request.confinement.memory, request.confinement.processes) = (0.5, 1 << 30, 32)
    #expect(seen(bytes(request))?.confinement == request.confinement)
    request.confinement.isOfGroupsOnly = true
    #expect(seen(bytes(request))?.confinement == request.confinement)
  }

  /// Half of a confinement would be a command with more rights than it was to have.
  @Test(arguments: [
    " ", "user", "user=", "user=1", "user=1,", "user=1,2,", "user=1,-2", "user=1,4294967296", "user=01,2", "user=1,2 ",
    "user=1,2 user=3,4", "nobody=1,2", "USER=1,2", "processes=0", "processes=-1", "processes=1.5", "processes=032",
    "limiter=", "limiter=group", "limiter",
  ]) func anythingElseIsNoConfinement(text: String) {
    #expect(Confinement(parsing: text) == nil)
  }

  @Test func whatIsToBeMaskedArrivesAheadOfItsStart() {
    var request = request(["/bin/echo"], ["A=hunter2 hunter2"])
    let masking = Masking(secrets: ["hunter2 hunter2", "line\nline\nline"], outputFile: "/run/ä b")
    request.masking = masking
    bytes(request).withUnsafeBytes { raw in
      guard case .frame(let frame, let size) = WireFrame.read(raw), frame.kind == .mask else {
        Issue.record("no mask")
        return
      }
      #expect(frame.key == key)
      #expect(Masking(frame) == masking)
      #expect(seen(Array(raw[size...]))?.environment == ["A=hunter2 hunter2"])
    }
    // A request that is refused brings no secrets.
    request.arguments = []
    #expect(refusal(request) == "there is no command")
  }

  @Test func releaseAndWithdrawalNameTheirAttempt() {
    var bytes: [UInt8] = []
    WireFormat.release(key, to: &bytes)
    let size = bytes.count
    WireFormat.withdraw(key, to: &bytes)
    for (part, kind) in [(bytes[..<size], WireFormat.Kind.release), (bytes[size...], .withdraw)] {
      Array(part).withUnsafeBytes { raw in
        guard case .frame(let frame, let size) = WireFrame.read(raw), size == raw.count else {
          Issue.record("no frame")
          return
        }
        #expect(frame.kind == kind)
        #expect(frame.key == key)
      }
    }
  }

  @Test func aSignalArrivesAsItWasAsked() {
    var bytes: [UInt8] = []
    WireFormat.signal(key, 15, to: &bytes)
    bytes.withUnsafeBytes { raw in
      guard case .frame(let frame, let size) = WireFrame.read(raw) else {
        Issue.record("no frame")
        return
      }
      #expect(size == raw.count)
      #expect(frame.kind == .signal)
      #expect(frame.key == key)
      #expect(frame.first == 15)
    }
  }

  @Test func everyPrefixOfAFrameIsIncomplete() {
    let whole = bytes(request(["/bin/echo", "a"], ["B=c"]))
    for count in 0..<whole.count {
      Array(whole[..<count]).withUnsafeBytes { raw in
        guard case .incomplete = WireFrame.read(raw) else {
          Issue.record("\(count) bytes were taken for more than the beginning of a frame")
          return
        }
      }
    }
  }

  @Test func aSizeThatNoFrameHasIsMalformedBeforeItsBytesAreAwaited() {
    let least = UInt32(WireFormat.headerSize - 4)
    for size in [0, 1, least - 1, UInt32(WireFormat.largestFrame - 3), .max, .max - 3] {
      withUnsafeBytes(of: size) { raw in
        guard case .malformed = WireFrame.read(raw) else {
          Issue.record("size \(size) was not refused")
          return
        }
      }
    }
    for size in [least, UInt32(WireFormat.largestFrame - 4)] {
      withUnsafeBytes(of: size) { raw in
        guard case .incomplete = WireFrame.read(raw) else {
          Issue.record("size \(size) was not waited for")
          return
        }
      }
    }
  }

  /// Each mutation is read in a buffer of exactly its size, so that a read past the end would meet the allocator's guard.
  @Test func aDamagedFrameNeverCrashesAndNeverHoldsStringsItDoesNotHave() {
    var random = SplitMix64(seed: 5)
    let frames = [
      bytes(request(["/bin/echo", "a", ""], ["B=c", "D="])), bytes(request([])),
      bytes(request(["/bin/echo"]), atEnd: 5),
    ]
    for _ in 0..<10_000 * Torture.factor {
      var damaged = frames.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      guard let seen = seen(damaged) else { continue }
      let held = seen.arguments.count + seen.environment.count + 1
      #expect(damaged.count { $0 == 0 } >= held)
    }
  }

  @Test(arguments: [
    (Int32(0), Int32(1)), (-1, 3), (1, -1), (.max, .max), (2, 2), (1, 0), (3, 0),
  ]) func countsThatTheStringsContradictAreNoCommand(arguments: Int32, variables: Int32) {
    var damaged = bytes(request(["/bin/true", "x"], ["A=b"]))
    withUnsafeBytes(of: arguments) { damaged.replaceSubrange(5..<9, with: $0) }
    withUnsafeBytes(of: variables) { damaged.replaceSubrange(9..<13, with: $0) }
    let seen = seen(damaged)
    if arguments == 3, variables == 0 {
      #expect(seen?.arguments == ["/bin/true", "x", "A=b"], "the counts are the frame's own: they add up")
    } else {
      #expect(seen == nil)
    }
  }

  @Test func whatNoKernelCouldTakeIsRefusedWithItsReason() {
    #expect(refusal(request([])) == "there is no command")
    #expect(refusal(request(["/bin/true"], workdir: "/a\0b")) == "workdir holds a NUL byte")
    #expect(refusal(request(["/bin/echo", "a", "b\0"])) == "argument 2 holds a NUL byte")
    #expect(refusal(request(["/bin/echo"], ["A=b", "NAME=va\0lue"])) == "environment variable NAME holds a NUL byte")
    let large = String(repeating: "x", count: 7 << 20)
    #expect(refusal(request([large])) == "arguments and environment are too large: 7340033 bytes")
    #expect(refusal(request(["/bin/true"])) == nil)
  }

  @Test func theLargestRequestStillFitsIntoAFrame() {
    let room = WireFormat.largestFrame - WireFormat.headerSize - 1 - 4096
    #expect(seen(bytes(request([String(repeating: "x", count: room - 1)])))?.arguments.first?.utf8.count == room - 1)
    #expect(refusal(request([String(repeating: "x", count: room)])) != nil)
  }
}

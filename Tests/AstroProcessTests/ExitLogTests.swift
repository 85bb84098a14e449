import AstroCore
import AstroTestKit
import Foundation
import Testing

@testable import AstroProcess

/// One of each record, with texts that a careless format would trip over.
private let nasty = [
  "", "a", "tab\there", "line\nbreak", #"back\slash"#, #"\t"#, #"\"#, "NUL\0", "Grüße 🜁 e\u{301}", "\r\n",
]

private func key(_ task: String, _ number: Int = 1) -> AttemptKey {
  AttemptKey(workflow: WorkflowID(unchecked: "w-20261124T020000Z-abcdef"), task: task, number: number)
}

private func exit(
  _ task: String, _ status: WaitStatus, stdout: String? = nil, stderr: String? = nil, omitted: Int64 = 0
) -> ExitLogRecord {
  .exit(
    ExitRecord(
      key: key(task), status: status, startedAt: Timestamp(microseconds: 1_764_000_000_000_000),
      finishedAt: Timestamp(microseconds: 1_764_000_000_250_000), duration: .microseconds(250_000),
      usage: ResourceUsage(userMicroseconds: 12, systemMicroseconds: 0, peakKiB: 3400), stdout: stdout, stderr: stderr,
      omitted: OmittedOutput(stderr: omitted)))
}

private let samples: [ExitLogRecord] =
  [
    .warden(ProcessIdentity(pid: 4711, startTime: 123_456, bootID: "b00t-1d")),
    .start(key("a"), at: Timestamp(microseconds: -5), stdout: "r-1.out", stderr: "r-1.err"),
    .pid(key("a", 12), pid: 99, startTime: 0), .closed(at: Timestamp(microseconds: 7)),
    exit("a", .exited(0)), exit("b", .exited(255), stdout: "r-10.out", omitted: 7),
    exit("c", .signalled(9), stdout: "r-10.out", stderr: "r-100.err"),
  ]
  + nasty.flatMap { text -> [ExitLogRecord] in
    [
      .refused(key(text), reason: text, infrastructure: true), .refused(key(text), reason: text, infrastructure: false),
      .failed(text), .withdrawn(key(text)), exit(text, .exited(1)),
      .start(key(text), at: .init(microseconds: 0), stdout: "o", stderr: "e", group: "/" + text),
    ]
  }

private func line(_ record: ExitLogRecord) -> [UInt8] {
  var bytes: [UInt8] = []
  record.write(to: &bytes)
  return bytes
}

@Suite struct ExitLogRecordTests {
  @Test(arguments: samples.indices) func everyRecordComesBackAsItWasWritten(index: Int) {
    let bytes = line(samples[index])
    #expect(bytes.last == 0x0A)
    #expect(bytes.dropLast().allSatisfy { $0 != 0x0A })
    #expect(ExitLogRecord(parsing: bytes.dropLast()) == samples[index])
  }

  @Test func theLinesOfTheFormatAreThese() {
    let text = samples.prefix(6).map { String(decoding: line($0), as: UTF8.self) }.joined()
    let run = "w-20261124T020000Z-abcdef"
    #expect(
      text == """
        warden\t1\t4711\t123456\tb00t-1d
        start\t\(run)\ta\t1\t-5\tr-1.out\tr-1.err\t
        pid\t\(run)\ta\t12\t99\t0
        closed\t7
        exit\t\(run)\ta\t1\tcode\t0\t1764000000000000\t1764000000250000\t250000\t12\t0\t3400\t\t\t0\t0\t
        exit\t\(run)\tb\t1\tcode\t255\t1764000000000000\t1764000000250000\t250000\t12\t0\t3400\tr-10.out\t\t0\t7\t

        """)
  }

  /// What is accepted must be what would have been written: else two readers could see two records in one line.
  @Test func aDamagedLineIsRefusedOrIsExactlyAnotherRecordsLine() {
    var random = SplitMix64(seed: 11)
    var accepted = 0
    for _ in 0..<10_000 * Torture.factor {
      var bytes = Array(line(samples.randomElement(using: &random)!).dropLast())
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(Array("\t\\n+-0 1/".utf8).randomElement(using: &random)!, at: place)
        default: bytes.removeSubrange(place...)
        }
        if bytes.isEmpty { break }
      }
      // A line is what lies between two newlines, so there is none in it.
      guard !bytes.contains(0x0A), let record = ExitLogRecord(parsing: bytes) else { continue }
      accepted += 1
      #expect(line(record) == bytes + [0x0A])
    }
    #expect(accepted > 100, "the mutations never met a valid line, so nothing was tried")
  }

  @Test(arguments: [
    "", "exit", "warden\t2\t4711\t1\tb", "warden\t1\t04711\t1\tb", "pid\tw\ta\t1\t1\t5", "pid\tw\ta\t1\t-4\t5",
    "pid\tw\ta\t1\t+9\t5", "closed\t-0", "closed\t1\t", "closed\t99999999999999999999", "failed\t\\x", "failed\t\\",
    "start\tw\ta\t1\t0\t../o\te", "start\tw\ta\t1\t0\t\te", "refused\tw\ta\t1\tboth\tx", "unknown\t1",
    "exit\tw\ta\t1\tcode\t256\t0\t0\t0\t0\t0\t0\t\t", "exit\tw\ta\t1\tcode\t-1\t0\t0\t0\t0\t0\t0\t\t",
    "exit\tw\ta\t1\tsignal\t0\t0\t0\t0\t0\t0\t0\t\t", "exit\tw\ta\t1\tcode\t0\t0\t0\t0\t0\t0\t0\t/etc/passwd\t",
    "exit\tw\ta\t1\tcode\t0\t0\t0\t0\t0\t0\t0\t", "exit\tw\ta\t1\tcode\t0\t0\t0\t0\t0\t0\t0\t\t\t\t",
    "exit\tw\ta\t1\tcode\t0\t0\t0\t0\t0\t0\t0\t\t\tdisk", "start\tw\ta\t1\t0\to\te\tgroup",
  ]) func aLineThatNobodyWritesIsNoRecord(text: String) {
    #expect(ExitLogRecord(parsing: Array(text.utf8)) == nil)
  }

  @Test func aLineOfBrokenUTF8IsNoRecord() {
    #expect(ExitLogRecord(parsing: Array("failed\t".utf8) + [0xFF]) == nil)
    #expect(ExitLogRecord(parsing: Array("failed\t".utf8) + [0xED, 0xA0, 0x80]) == nil)
  }
}

@Suite struct ExitLogTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("log") }
  private let stored = samples.filter {
    switch $0 {
    case .failed, .withdrawn: false
    default: true
    }
  }

  private func put(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

  private func read() throws -> [ExitLogRecord] {
    var reader = ExitLogReader(path: path)
    return try reader.next()
  }

  /// How many of `stored` lie wholly, with their newline, in the first `count` bytes.
  private func whole(_ count: Int) -> Int {
    var end = 0
    return stored.prefix { record in
      end += line(record).count
      return end <= count
    }.count
  }

  @Test func everyPrefixOfALogGivesItsWholeLinesAndNothingElse() throws {
    let bytes = stored.flatMap(line)
    for count in 0...bytes.count {
      try put(Array(bytes[..<count]))
      #expect(try read() == Array(stored.prefix(whole(count))), "after \(count) bytes")
    }
  }

  /// A line cut within its last field, or just before its newline, looks whole once a newline follows.
  @Test func afterEveryPrefixTheNextWardenNeverTurnsATornLineIntoARecord() throws {
    let bytes = stored.flatMap(line)
    let header = ExitLogRecord.warden(ProcessIdentity(pid: 5000, startTime: 9, bootID: "b00t-1d"))
    for count in 0...bytes.count {
      try put(Array(bytes[..<count]))
      var log = try ExitLog(path: path)
      log.append(header)
      let isWritten = log.flush()
      #expect(isWritten)
      #expect(try read() == Array(stored.prefix(whole(count))) + [header], "after \(count) bytes")
    }
  }

  @Test func aLogIsReadAsItGrows() throws {
    let bytes = stored.flatMap(line)
    var random = SplitMix64(seed: 3)
    var reader = ExitLogReader(path: path)
    #expect(try reader.next().isEmpty)
    var told: [ExitLogRecord] = []
    var count = 0
    while count < bytes.count {
      count = min(bytes.count, count + Int.random(in: 1...90, using: &random))
      try put(Array(bytes[..<count]))
      told += try reader.next()
    }
    #expect(told == stored)
    #expect(try reader.next().isEmpty)
  }

  private func expectDamage(at line: Int, after records: [ExitLogRecord]) throws {
    var reader = ExitLogReader(path: path)
    #expect(try reader.next() == records)
    #expect(reader.damage == Failure(.io, subject: "\(path):\(line)", message: "the exit log is damaged here"))
    #expect(try reader.next().isEmpty)
  }

  @Test func damageAnywhereButAtTheEndOfAWardensLifeIsReportedWithItsPlace() throws {
    let start = line(stored[0]) + line(stored[1])
    for garbage in [Array("garbage\n".utf8), [0, 255, 0x0A], [0x0A], line(.failed("x")), line(.withdrawn(key("a")))] {
      try put(start + garbage + line(stored[3]))
      try expectDamage(at: 3, after: Array(stored[0...1]))
    }
    try put(start + Array("torn\ntorn\n".utf8) + line(stored[0]))
    try expectDamage(at: 3, after: Array(stored[0...1]))
    try put(start + Array("torn\n".utf8) + line(stored[0]) + line(stored[3]))
    #expect(try read() == [stored[0], stored[1], stored[0], stored[3]])
  }

  @Test func aLogThatIsADirectoryIsAFailureAndNotAnEmptyLog() {
    mkdir(path, 0o700)
    #expect(throws: Failure.self) { try read() }
    #expect(throws: Failure.self) { _ = try ExitLog(path: path) }
  }
}

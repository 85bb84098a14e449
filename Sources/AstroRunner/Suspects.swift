import AstroCore
import AstroJournal
import AstroProcess
import AstroSpool
import Glibc
import Logging

/// What runners were reading when they ended. Two that crashed prove that it was the file, and so do five that ended in
/// whatever way: such a file is not read again. Fewer can be chance, since a runner may be killed at any moment, and a good
/// file must not be lost by that.
struct Suspects {
  static let key = "suspects"
  private static let (crashProof, proof) = (2, 5)
  /// The oldest are forgotten.
  private static let most = 100

  private struct Suspect {
    var name: String
    /// Runners that were killed while they read it.
    var killed: [String] = []
    /// Runners that crashed.
    var crashed: [String] = []

    var json: JSONValue { .list([.string(name), Self.list(killed), Self.list(crashed)]) }

    private static func list(_ runners: [String]) -> JSONValue { .list(runners.map(JSONValue.string)) }
  }
  private var suspects: [Suspect] = []

  init() {}

  init(_ reading: Reading) throws(Failure) {
    guard let text = try reading.meta(Self.key), case .list(let items)? = try? JSONReader.parse(text) else { return }
    suspects = items.compactMap { item in
      guard case .list(let parts) = item, parts.count == 3, case .string(let name) = parts[0] else { return nil }
      return Suspect(name: name, killed: Self.texts(parts[1]), crashed: Self.texts(parts[2]))
    }
  }

  private static func texts(_ value: JSONValue) -> [String] {
    guard case .list(let items) = value else { return [] }
    return items.compactMap { if case .string(let text) = $0 { text } else { nil } }
  }

  var json: String { JSONValue.list(suspects.map(\.json)).json }

  /// Said again of the same runner it changes nothing: a crash between the journal and the mark's removal repeats it.
  mutating func add(_ remains: ReadingMark.Remains, endedWith runner: String) {
    var suspect = suspects.first { $0.name == remains.name } ?? Suspect(name: remains.name)
    guard !suspect.killed.contains(runner), !suspect.crashed.contains(runner) else { return }
    if remains.isCrash { suspect.crashed.append(runner) } else { suspect.killed.append(runner) }
    suspects = (suspects.filter { $0.name != remains.name } + [suspect]).suffix(Self.most)
  }

  /// What was proved of it, in one sentence; `nil` when it may be read.
  func proof(against name: String) -> String? {
    guard let suspect = suspects.first(where: { $0.name == name }) else { return nil }
    if suspect.crashed.count >= Self.crashProof { return "two runners crashed while they read this file" }
    let isProved = suspect.crashed.count + suspect.killed.count >= Self.proof
    return isProved ? "five runners ended while they read this file" : nil
  }

  /// The file and its content, whatever it is called.
  static func name(of file: FileIdentity) -> String {
    "\(file.device):\(file.inode):\(file.size):\(file.modifiedNanoseconds)"
  }

  /// An accepted run, whose content is read when it is adopted; after a retry it is another.
  static func name(of run: RunRecord) -> String { "\(run.id):\(run.livesSince.microseconds)" }
}

extension Runner {
  /// Suspects what a dead runner was reading when it ended.
  func inspect(_ lock: RunnerLock) throws(Failure) {
    guard let remains = ReadingMark.left(at: lock.files.reading, bootID: journal.bootID) else { return }
    log.error(
      remains.isCrash ? "Runner crashed while it read a file" : "Runner ended while it read a file",
      metadata: ["runner": .string(lock.files.runnerID), "content": .string(remains.name)])
    suspects = try journal.commit { transaction in
      var suspects = try Suspects(transaction.reading)
      suspects.add(remains, endedWith: lock.files.runnerID)
      try transaction.set(meta: Suspects.key, to: suspects.json)
      return suspects
    }
    unlink(lock.files.reading)
  }
}

extension Admission {
  /// A file that is not read, because of what that did to runners.
  init(poison candidate: Candidate, _ proof: String) {
    self.init(
      format: candidate.format, file: candidate.name.bytes, shownFile: candidate.name.printable,
      bytes: candidate.bytes, sha256: candidate.sha256, submittedAt: candidate.modifiedAt, user: candidate.ownerName,
      submitter: candidate.owner,
      name: Name.derived(fromStem: candidate.name.stem))
    errors = [
      Diagnostic(
        code: "poison", message: proof, file: shownFile,
        hint: "submit it in smaller parts, and report it as a fault of astro")
    ]
  }
}

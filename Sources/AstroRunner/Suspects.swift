import AstroCore
import AstroJournal
import AstroProcess
import AstroSpool
import Glibc
import Logging

/// Files that runners were reading when they ended. The fifth time proves it, and such a file is not read again: fewer can
/// be chance, since a runner may be killed at any moment, and a good file must not be lost by that.
struct Suspects {
  static let key = "suspects"
  private static let proof = 5
  /// The oldest are forgotten.
  private static let most = 100

  private struct Suspect {
    var file: String
    var runners: [String]
  }
  private var suspects: [Suspect] = []

  init() {}

  init(_ reading: Reading) throws(Failure) {
    guard let text = try reading.meta(Self.key), case .list(let items)? = try? JSONReader.parse(text) else { return }
    suspects = items.compactMap { item in
      guard case .list(let words) = item else { return nil }
      let texts = words.compactMap { if case .string(let text) = $0 { text } else { nil } }
      return texts.first.map { Suspect(file: $0, runners: Array(texts.dropFirst())) }
    }
  }

  var json: String { JSONValue.list(suspects.map { .list(([$0.file] + $0.runners).map(JSONValue.string)) }).json }

  /// Said again of the same runner it changes nothing: a crash between the journal and the mark's removal repeats it.
  mutating func add(_ file: String, endedWith runner: String) {
    var suspect = suspects.first { $0.file == file } ?? Suspect(file: file, runners: [])
    if !suspect.runners.contains(runner) { suspect.runners.append(runner) }
    suspects = (suspects.filter { $0.file != file } + [suspect]).suffix(Self.most)
  }

  func isPoison(_ file: FileIdentity) -> Bool {
    let name = Self.name(of: file)
    return suspects.contains { $0.file == name && $0.runners.count >= Self.proof }
  }

  /// The file and its content, whatever it is called.
  static func name(of file: FileIdentity) -> String {
    "\(file.device):\(file.inode):\(file.size):\(file.modifiedNanoseconds)"
  }
}

extension Runner {
  /// Suspects the file that a dead runner was reading when it ended.
  func inspect(_ lock: RunnerLock) throws(Failure) {
    guard let file = ReadingMark.left(at: lock.files.reading, bootID: journal.bootID) else { return }
    log.error(
      "Runner ended while it read a file",
      metadata: ["runner": .string(lock.files.runnerID), "content": .string(file)])
    suspects = try journal.commit { transaction in
      var suspects = try Suspects(transaction.reading)
      suspects.add(file, endedWith: lock.files.runnerID)
      try transaction.set(meta: Suspects.key, to: suspects.json)
      return suspects
    }
    unlink(lock.files.reading)
  }
}

extension Admission {
  /// A file that is not read, because that has ended five runners.
  init(poison candidate: Candidate) {
    self.init(
      format: candidate.format, file: candidate.name.bytes, shownFile: candidate.name.printable,
      bytes: candidate.bytes, sha256: candidate.sha256, submittedAt: candidate.modifiedAt, user: candidate.ownerName,
      name: Name.derived(fromStem: candidate.name.stem))
    errors = [
      Diagnostic(
        code: "poison", message: "five runners ended while they read this file", file: shownFile,
        hint: "submit it in smaller parts, and report it as a fault of astro")
    ]
  }
}

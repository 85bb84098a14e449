import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import AstroRunner
import Glibc

/// One of the two streams of one attempt.
enum OutputStream: String, CaseIterable { case stdout, stderr }

/// Finds the file that a stream of an attempt is in. While the attempt runs that is a scratch file that other attempts
/// used before and may use after it; once it has ended, a file of its own in the run's directory.
struct OutputLocator {
  enum Place {
    /// Open for reading; the caller closes it. A scratch file may have holes where its middle was given up.
    case file(Int32, isScratch: Bool)
    /// The attempt has ended and printed nothing there.
    case nothing
    /// It has no file yet.
    case notYet
  }

  private let directory: RunDirectory
  private let run: WorkflowID
  private let data: String
  private var ledgers: [String: OutputLedger] = [:]

  init(_ run: WorkflowID, site: Site) {
    self.run = run
    data = site.home.data
    directory = RunDirectory(run, in: site.home.runs)
  }

  /// The files that change when an answer of ``open(_:_:)`` does.
  var witnesses: [String] { [directory.events] + ledgers.values.map(\.path) }

  mutating func open(_ attempt: AttemptRecord, _ stream: OutputStream) throws -> Place {
    // The file may move between any two looks; it moves at most twice, from scratch to its place.
    for _ in 0..<4 {
      if let kept = try FileTail.open("\(directory.attempt(attempt.key))/\(stream.rawValue)") {
        return .file(kept, isScratch: false)
      }
      guard attempt.ending == nil else { return .nothing }
      let entry = try entry(of: attempt)
      switch entry {
      case nil: return .notYet
      case .ended where entry?.path(of: stream) == nil: return .nothing
      case .running, .ended: break
      }
      guard let path = entry?.path(of: stream), let scratch = try FileTail.open(path) else { continue }
      // Held open the file is not given to another attempt, so what the log says now was true when it was opened.
      if try self.entry(of: attempt) == entry { return .file(scratch, isScratch: true) }
      close(scratch)
    }
    return .notYet
  }

  private mutating func entry(of attempt: AttemptRecord) throws -> OutputLedger.Entry? {
    var ledger =
      try ledgers[attempt.launcher]
      ?? OutputLedger(dataDirectory: data, runnerID: attempt.launcher, run: run)
    try ledger.refresh()
    ledgers[attempt.launcher] = ledger
    return ledger[attempt.key]
  }
}

extension OutputLedger.Entry {
  fileprivate func path(of stream: OutputStream) -> String? {
    switch (self, stream) {
    case (.running(let path, _), .stdout), (.running(_, let path), .stderr): path
    case (.ended(let path, _), .stdout), (.ended(_, let path), .stderr): path
    }
  }
}
